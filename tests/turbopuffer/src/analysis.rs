//! How an attribute's text becomes tokens.

use std::cell::RefCell;

use alyze::analyze::stemming_cache::StemmingCache;
use alyze::analyze::{
    AnalysisOptions, Analyzer, LanguageWithStopwords, ReusableBuffer, StemmingLanguage, StopwordRemoval,
    TokenizerOptions,
};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::error::{Failure, Outcome};
use crate::value::Value;

/// Options of full-text search, in the order in which the service shows them.
#[expect(clippy::struct_excessive_bools, reason = "the shape is the service's")]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct FullText {
    pub(crate) k1: f64,
    pub(crate) k3: f64,
    pub(crate) b: f64,
    language: Language,
    stemming: bool,
    max_token_length: usize,
    remove_stopwords: bool,
    ascii_folding: bool,
    case_sensitive: bool,
    tokenizer: Tokenizer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Language {
    Arabic,
    Danish,
    Dutch,
    English,
    Finnish,
    French,
    German,
    Greek,
    Hungarian,
    Italian,
    Norwegian,
    Portuguese,
    Romanian,
    Russian,
    Spanish,
    Swedish,
    Tamil,
    Turkish,
}

/// All word tokenizers split alike here: their differences are not documented.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Tokenizer {
    WordV0,
    WordV1,
    WordV2,
    WordV3,
    WordV4,
    PreTokenizedArray,
}

impl Default for FullText {
    fn default() -> Self {
        Self {
            k1: 1.2,
            k3: 8.0,
            b: 0.75,
            language: Language::English,
            stemming: false,
            max_token_length: 39,
            remove_stopwords: false,
            ascii_folding: false,
            case_sensitive: false,
            tokenizer: Tokenizer::WordV4,
        }
    }
}

impl FullText {
    /// Reads `true`, `false` or an object of options.
    pub(crate) fn parse(attribute: &str, json: &Json) -> Outcome<Option<Self>> {
        match json {
            Json::Bool(false) | Json::Null => return Ok(None),
            Json::Bool(true) => return Ok(Some(Self::default())),
            _ => {}
        }
        let parsed: Self = serde_json::from_value(json.clone())
            .map_err(|error| Failure::unprocessable(error.to_string()))?;
        if !(1..=254).contains(&parsed.max_token_length) {
            return Err(Failure::schema(attribute, "max_token_length must be between 1 and 254"));
        }
        if parsed.case_sensitive && (parsed.stemming || parsed.remove_stopwords) {
            let message = "stemming and remove_stopwords need case_sensitive to be false";
            return Err(Failure::schema(attribute, message));
        }
        Ok(Some(parsed))
    }

    pub(crate) fn is_pre_tokenized(&self) -> bool {
        self.tokenizer == Tokenizer::PreTokenizedArray
    }

    /// The tokens of a stored value, with a gap of one position between the strings of an array.
    pub(crate) fn tokens(&self, value: &Value) -> Vec<Token> {
        let mut tokens = Vec::new();
        if self.is_pre_tokenized() {
            let words = value.elements().iter().filter_map(Value::as_text);
            tokens.extend(words.zip(0..).map(|(word, position)| Token { word: word.into(), position }));
            return tokens;
        }
        for text in value.elements().iter().filter_map(Value::as_text) {
            let start = tokens.last().map_or(0, |last: &Token| last.position + 2);
            self.analyze(text, start, &mut tokens);
        }
        tokens
    }

    /// The tokens of a query's operand, which must be an array exactly when the attribute is pre-tokenized.
    pub(crate) fn query_tokens(&self, operand: &Json) -> Option<Vec<Box<str>>> {
        if self.is_pre_tokenized() {
            return operand.as_array()?.iter().map(|word| word.as_str().map(Into::into)).collect();
        }
        let mut tokens = Vec::new();
        self.analyze(operand.as_str()?, 0, &mut tokens);
        Some(tokens.into_iter().map(|token| token.word).collect())
    }

    fn analyze(&self, text: &str, start: u32, tokens: &mut Vec<Token>) {
        let analyzer = Analyzer::new(self.options());
        BUFFER.with_borrow_mut(|buffer| {
            // The cache does not know the language.
            *buffer.stemming_cache() = StemmingCache::new_with_capacity(256);
            analyzer.analyze(text, buffer, |token| {
                let position = start + u32::try_from(token.position).unwrap_or(u32::MAX);
                tokens.push(Token { word: token.text.into(), position });
                true
            });
        });
    }

    fn options(&self) -> AnalysisOptions {
        AnalysisOptions {
            tokenizer: TokenizerOptions::UAX29Word(alyze::uax29::word::Options::default()),
            maximum_token_length: Some(self.max_token_length),
            case_sensitive: self.case_sensitive,
            stopword_removal: self
                .remove_stopwords
                .then(|| self.language.stopwords())
                .flatten()
                .map(StopwordRemoval::ForLanguage),
            stemming: self.stemming.then(|| self.language.stemming()),
            ascii_folding: self.ascii_folding,
        }
    }
}

thread_local! {
    /// It holds a cache of stems, too large to be made for every value.
    static BUFFER: RefCell<ReusableBuffer> = RefCell::new(ReusableBuffer::new());
}

/// A token of a stored text and its place, so that phrases can be found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) word: Box<str>,
    pub(crate) position: u32,
}

impl Language {
    fn stemming(self) -> StemmingLanguage {
        match self {
            Self::Arabic => StemmingLanguage::Arabic,
            Self::Danish => StemmingLanguage::Danish,
            Self::Dutch => StemmingLanguage::Dutch,
            Self::English => StemmingLanguage::English,
            Self::Finnish => StemmingLanguage::Finnish,
            Self::French => StemmingLanguage::French,
            Self::German => StemmingLanguage::German,
            Self::Greek => StemmingLanguage::Greek,
            Self::Hungarian => StemmingLanguage::Hungarian,
            Self::Italian => StemmingLanguage::Italian,
            Self::Norwegian => StemmingLanguage::Norwegian,
            Self::Portuguese => StemmingLanguage::Portuguese,
            Self::Romanian => StemmingLanguage::Romanian,
            Self::Russian => StemmingLanguage::Russian,
            Self::Spanish => StemmingLanguage::Spanish,
            Self::Swedish => StemmingLanguage::Swedish,
            Self::Tamil => StemmingLanguage::Tamil,
            Self::Turkish => StemmingLanguage::Turkish,
        }
    }

    /// `None` for a language without a list of stop words.
    fn stopwords(self) -> Option<LanguageWithStopwords> {
        Some(match self {
            Self::Danish => LanguageWithStopwords::Danish,
            Self::Dutch => LanguageWithStopwords::Dutch,
            Self::English => LanguageWithStopwords::English,
            Self::Finnish => LanguageWithStopwords::Finnish,
            Self::French => LanguageWithStopwords::French,
            Self::German => LanguageWithStopwords::German,
            Self::Hungarian => LanguageWithStopwords::Hungarian,
            Self::Italian => LanguageWithStopwords::Italian,
            Self::Norwegian => LanguageWithStopwords::Norwegian,
            Self::Portuguese => LanguageWithStopwords::Portuguese,
            Self::Russian => LanguageWithStopwords::Russian,
            Self::Spanish => LanguageWithStopwords::Spanish,
            Self::Swedish => LanguageWithStopwords::Swedish,
            Self::Arabic | Self::Greek | Self::Romanian | Self::Tamil | Self::Turkish => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::FullText;
    use crate::value::Value;

    fn words(options: serde_json::Value, text: &str) -> Vec<String> {
        let analysis: FullText = serde_json::from_value(options).expect("options");
        analysis.tokens(&Value::Text(text.into())).into_iter().map(|token| token.word.into()).collect()
    }

    #[test]
    fn words_are_lowercase_and_kept_whole_by_default() {
        assert_eq!(words(json!({}), "The Refunds can't WAIT!"), ["the", "refunds", "can't", "wait"]);
    }

    #[test]
    fn stems_and_stop_words_follow_the_options() {
        let options = json!({"stemming": true, "remove_stopwords": true});
        assert_eq!(words(options, "The foxes are jumping"), ["fox", "jump"]);
    }

    #[test]
    fn long_tokens_are_dropped() {
        assert_eq!(words(json!({"max_token_length": 4}), "abcd abcde ef"), ["abcd", "ef"]);
    }

    #[test]
    fn dropped_tokens_leave_a_gap() {
        let analysis: FullText = serde_json::from_value(json!({"remove_stopwords": true})).expect("options");
        let tokens = analysis.tokens(&Value::Text("fox and dog".into()));
        assert_eq!(tokens.iter().map(|token| token.position).collect::<Vec<_>>(), [0, 2]);
    }
}
