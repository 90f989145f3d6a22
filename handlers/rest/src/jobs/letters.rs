//! The texts of mails, as HTML and plain.

use trace::identity::Email;
use trace::ports::Mail;

/// A mail before it is addressed: paragraphs, and one link between them.
struct Letter {
    subject: String,
    before: String,
    link: (&'static str, String),
    after: String,
}

impl Letter {
    fn to(self, to: Email) -> Mail {
        let Self { subject, before, link: (label, url), after } = self;
        let text = format!("{before}\n\n{label}: {url}\n\n{after}\n\nTraceway\n");
        let [before, url, after] = [&before, &url, &after].map(|text| escaped(text));
        let html = format!(
            "<!doctype html><html lang=\"en\"><body style=\"font:16px/1.5 system-ui,sans-serif;color:#18181b;\
             max-width:34em;margin:2em auto;padding:0 1em\">\
             <p>{before}</p>\
             <p><a href=\"{url}\" style=\"display:inline-block;padding:.6em 1.2em;border-radius:6px;\
             background:#18181b;color:#fff;text-decoration:none\">{label}</a></p>\
             <p style=\"color:#52525b;font-size:14px\">{after}</p>\
             <p style=\"color:#52525b;font-size:14px\">If the button does not work, open this address: {url}</p>\
             <p style=\"color:#52525b;font-size:14px\">Traceway</p></body></html>"
        );
        Mail { to, subject, html, text }
    }
}

/// Returns a text as HTML shows it.
fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            _ => html.push(c),
        }
    }
    html
}

/// Returns a number with a comma after every three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

pub(super) fn invite(to: Email, org: &str, inviter: Option<&str>, link: &str) -> Mail {
    let before = match inviter {
        Some(inviter) => format!("{inviter} invites you to join {org} on Traceway."),
        None => format!("You are invited to join {org} on Traceway."),
    };
    let after = "This invitation is valid for 7 days. If you did not expect it, you can ignore this mail.";
    let letter = Letter {
        subject: format!("Join {org} on Traceway"),
        before,
        link: ("Accept the invitation", link.to_owned()),
        after: after.to_owned(),
    };
    letter.to(to)
}

pub(super) fn reset(to: Email, link: &str) -> Mail {
    let after = "This link is valid for 1 hour and works once. If you did not ask for it, you can ignore this \
                 mail: your password stays as it is.";
    let letter = Letter {
        subject: "Set a new password for Traceway".to_owned(),
        before: "Somebody, most likely you, asked to set a new password for your Traceway account."
            .to_owned(),
        link: ("Set a new password", link.to_owned()),
        after: after.to_owned(),
    };
    letter.to(to)
}

pub(super) fn usage(to: Email, org: &str, percent: u8, (used, limit): (u64, u64), link: &str) -> Mail {
    let [used, limit] = [used, limit].map(grouped);
    let (subject, after) = if percent >= 100 {
        let after = "New spans are refused until the month ends or the plan grows. The proxy goes on without recording.";
        (format!("{org} has used all spans of this month"), after)
    } else {
        (
            format!("{org} has used {percent} % of this month's spans"),
            "When all are used, new spans are refused until the month ends or the plan grows.",
        )
    };
    let letter = Letter {
        subject,
        before: format!("{org} has used {used} of the {limit} spans its plan has for this month."),
        link: ("See usage and plans", link.to_owned()),
        after: after.to_owned(),
    };
    letter.to(to)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn to() -> Email {
        Email::parse("a@x.org").unwrap()
    }

    #[test]
    fn what_people_chose_is_escaped() {
        let mail =
            invite(to(), "<b>Tom & \"Jerry\"</b>", Some("<script>"), "https://a/accept-invite?token=t");
        assert!(
            mail.html.contains(
                "&lt;script&gt; invites you to join &lt;b&gt;Tom &amp; &quot;Jerry&quot;&lt;/b&gt;"
            )
        );
        assert!(!mail.html.contains("<script>") && !mail.html.contains("<b>"));
        assert!(mail.text.contains("<script> invites you to join <b>Tom & \"Jerry\"</b>"));
    }

    #[test]
    fn mails_state_what_the_contract_asks_for() {
        let invite = invite(to(), "Org", None, "https://a/accept-invite?token=t");
        let reset = reset(to(), "https://a/reset-password?token=t");
        let usage = usage(to(), "Org", 80, (8_000, 1_000_000), "https://a/settings/billing");
        for (mail, words) in [
            (&invite, ["7 days", "https://a/accept-invite?token=t"]),
            (&reset, ["1 hour", "https://a/reset-password?token=t"]),
            (&usage, ["8,000 of the 1,000,000 spans", "https://a/settings/billing"]),
        ] {
            for word in words {
                assert!(mail.text.contains(word) && mail.html.contains(word), "{word}");
            }
        }
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }
}
