//! Faults on request.

use serde::{Deserialize, Serialize};

use crate::counters::RequestKind;

/// What goes wrong with a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case")]
pub enum Fault {
    /// Answers with an error status; nothing is applied.
    Status {
        /// The status, such as 429 or 503.
        status: u16,
        /// The value of `retry-after`, in seconds.
        #[serde(default)]
        retry_after: Option<u32>,
        /// Answers in plain text instead of JSON, as proxies in front of the service do.
        #[serde(default)]
        plain: bool,
    },
    /// Applies the request and answers with an error status all the same.
    StatusAfter {
        /// The status, such as 500.
        status: u16,
    },
    /// Resets the connection before the request is applied.
    ResetBefore,
    /// Applies the request and resets the connection instead of answering.
    ResetAfter,
    /// Waits before the request is applied.
    DelayBefore {
        /// How long, in milliseconds.
        ms: u64,
    },
    /// Applies the request and waits before answering.
    DelayAfter {
        /// How long, in milliseconds.
        ms: u64,
    },
    /// Neither applies the request nor answers, and resets the connection in the end.
    Hang {
        /// How long, in milliseconds.
        ms: u64,
    },
    /// Applies the request and breaks off in the middle of the answer.
    TruncatedBody,
    /// Lets filter writes change few rows, so that they answer `rows_remaining`.
    FilterCap {
        /// Rows that one request may change.
        rows: usize,
    },
    /// Claims that an index needed by the query is still being built.
    IndexBuilding {
        /// 202 or 409.
        status: u16,
    },
}

/// When a fault strikes. The first rule that fits a request decides.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// What goes wrong.
    pub fault: Fault,
    /// Only in this namespace, or in those that start like this when it ends with `*`.
    #[serde(default)]
    pub namespace: Option<String>,
    /// Only for requests of this kind.
    #[serde(default)]
    pub request: Option<RequestKind>,
    /// Lets so many requests that fit pass first.
    #[serde(default)]
    pub skip: u32,
    /// Strikes so often; `None` means for ever.
    #[serde(default)]
    pub times: Option<u32>,
    /// How likely it strikes a request that fits.
    #[serde(default = "certain")]
    pub probability: f64,
}

fn certain() -> f64 {
    1.0
}

impl Rule {
    /// Strikes every request, until narrowed down.
    #[must_use]
    pub fn new(fault: Fault) -> Self {
        Self { fault, namespace: None, request: None, skip: 0, times: None, probability: 1.0 }
    }

    /// Strikes only in this namespace, or in those that start like this when it ends with `*`.
    #[must_use]
    pub fn in_namespace(self, namespace: impl Into<String>) -> Self {
        Self { namespace: Some(namespace.into()), ..self }
    }

    /// Strikes only requests of this kind.
    #[must_use]
    pub fn on(self, request: RequestKind) -> Self {
        Self { request: Some(request), ..self }
    }

    /// Strikes so often.
    #[must_use]
    pub fn times(self, times: u32) -> Self {
        Self { times: Some(times), ..self }
    }

    /// Lets so many requests pass first.
    #[must_use]
    pub fn after(self, skip: u32) -> Self {
        Self { skip, ..self }
    }

    /// Strikes with this probability.
    #[must_use]
    pub fn with_probability(self, probability: f64) -> Self {
        Self { probability, ..self }
    }

    fn fits(&self, request: RequestKind, namespace: &str) -> bool {
        let fits_namespace = self.namespace.as_deref().is_none_or(|wanted| match wanted.strip_suffix('*') {
            Some(start) => namespace.starts_with(start),
            None => namespace == wanted,
        });
        fits_namespace && self.request.is_none_or(|wanted| wanted == request)
    }
}

/// The rules in force.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    rules: Vec<Rule>,
}

impl Faults {
    pub(crate) fn add(&mut self, rule: Rule) {
        self.rules.push(rule);
    }

    pub(crate) fn clear(&mut self) {
        self.rules.clear();
    }

    pub(crate) fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The fault of a request, which uses up one of its rule's times.
    pub(crate) fn strike(&mut self, request: RequestKind, namespace: &str) -> Option<Fault> {
        let mut struck = None;
        for rule in self.rules.iter_mut().filter(|rule| rule.fits(request, namespace)) {
            if rule.skip > 0 {
                rule.skip -= 1;
                continue;
            }
            if rule.times == Some(0) || rand::random::<f64>() >= rule.probability {
                continue;
            }
            rule.times = rule.times.map(|times| times - 1);
            struck = Some(rule.fault.clone());
            break;
        }
        self.rules.retain(|rule| rule.times != Some(0));
        struck
    }
}

#[cfg(test)]
mod tests {
    use super::{Fault, Faults, Rule};
    use crate::counters::RequestKind;

    #[test]
    fn rule_strikes_as_often_and_where_it_says() {
        let mut faults = Faults::default();
        let rule = Rule::new(Fault::ResetAfter).in_namespace("tw_*").on(RequestKind::Write);
        faults.add(rule.after(1).times(2));
        assert_eq!(faults.strike(RequestKind::Query, "tw_a"), None);
        assert_eq!(faults.strike(RequestKind::Write, "other"), None);
        assert_eq!(faults.strike(RequestKind::Write, "tw_a"), None);
        assert_eq!(faults.strike(RequestKind::Write, "tw_a"), Some(Fault::ResetAfter));
        assert_eq!(faults.strike(RequestKind::Write, "tw_b"), Some(Fault::ResetAfter));
        assert_eq!(faults.strike(RequestKind::Write, "tw_b"), None);
        assert_eq!(faults.rules(), []);
    }

    #[test]
    fn rule_reads_from_json() {
        let json = r#"{"fault":{"fault":"status","status":429,"retry_after":1},"request":"query","times":3}"#;
        let rule: Rule = serde_json::from_str(json).expect("a rule");
        let fault = Fault::Status { status: 429, retry_after: Some(1), plain: false };
        assert_eq!(rule, Rule::new(fault).on(RequestKind::Query).times(3));
    }
}
