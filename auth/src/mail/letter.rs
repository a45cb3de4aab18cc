//! The texts of mails.

use lettre::Message;
use lettre::message::header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue};
use lettre::message::{Body, Mailbox, MessageBuilder};
use wire::{Email, Token};

use super::settings::MailSettings;

/// Bytes of a line of a mail (RFC 5322, 2.1.1).
const LINE_BYTES_MAX: usize = 998;

/// A mail to be sent. Without `Debug`: it may hold a code.
pub(crate) struct Letter {
    /// The email of an account, or its next one.
    pub(crate) to: String,
    subject: &'static str,
    text: String,
}

impl Letter {
    /// The link that sets a new password.
    pub(crate) fn reset(to: &str, base: &str, code: &Token) -> Self {
        let text = format!(
            "Somebody, most likely you, has asked for a new password at {base}\n\n\
             Open this link to set it. It works once, within 24 hours:\n\n{base}/#reset={}\n\n\
             If it was not you, do nothing: your password has not changed.\n",
            code.expose()
        );
        Self { to: to.to_owned(), subject: "Set a new password", text }
    }

    /// The link that proves an email.
    pub(crate) fn confirmation(to: &str, base: &str, code: &Token) -> Self {
        let text = format!(
            "Somebody, most likely you, has an account with this email address at {base}\n\n\
             Open this link to confirm that the address is yours. It works once, within 24 hours:\n\n{base}/#confirm={}\n\n\
             If it was not you, do nothing: nobody will be told that the address is yours.\n",
            code.expose()
        );
        Self { to: to.to_owned(), subject: "Confirm your email address", text }
    }

    /// For the email that is about to be replaced by another one.
    pub(crate) fn notice(to: &str, base: &str) -> Self {
        let text = format!(
            "Somebody who knows the password of your account at {base}\n\
             has asked for another email address for it.\n\
             Once that one is confirmed, the account is no longer under this address.\n\n\
             If it was not you, log in and change your password at once.\n"
        );
        Self { to: to.to_owned(), subject: "Your email address is about to change", text }
    }

    /// The text without an encoding, in lines that RFC 5322 allows. Some mail programs cannot follow a link that is
    /// broken or encoded.
    fn body(&self) -> Body {
        let is_short = self.text.lines().all(|line| line.len() <= LINE_BYTES_MAX);
        if !self.text.is_ascii() || !is_short {
            return Body::new(self.text.clone());
        }
        let lines = self.text.replace('\n', "\r\n").into_bytes();
        Body::dangerous_pre_encoded(lines, ContentTransferEncoding::SevenBit)
    }

    /// The mail as it goes over the wire; `id` is random.
    ///
    /// # Errors
    /// No mail can be sent to this address.
    pub(crate) fn message(
        &self,
        settings: &MailSettings,
        id: &str,
    ) -> Result<Message, lettre::error::Error> {
        let name = HeaderName::new_from_ascii_str("Auto-Submitted");
        let address = deliverable(&self.to).parse().map_err(|_| lettre::error::Error::MissingTo)?;
        MessageBuilder::new()
            .from(settings.smtp.from.clone())
            .to(Mailbox::new(None, address))
            .subject(self.subject)
            .message_id(Some(format!("<{id}@{}>", settings.host)))
            .raw_header(HeaderValue::new(name, "auto-generated".to_owned()))
            .header(ContentType::TEXT_PLAIN)
            .body(self.body())
    }
}

/// The address with its domain in ASCII, as mail servers know it.
fn deliverable(email: &str) -> String {
    let key = Email::claimed(email).ok().and_then(|email| email.key);
    let host = key.as_deref().and_then(|key| key.rsplit_once('@')).map(|(_, host)| host);
    match (email.rsplit_once('@'), host) {
        (Some((user, _)), Some(host)) => format!("{user}@{host}"),
        _ => email.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> MailSettings {
        let smtp = "smtps://h?from=Chat%20%3Cnoreply@chat.example%3E".parse();
        MailSettings {
            smtp: smtp.unwrap_or_else(|error| panic!("{error}")),
            base: "https://chat.example".to_owned(),
            host: "chat.example".to_owned(),
        }
    }

    fn written(to: &str) -> Result<String, lettre::error::Error> {
        let code = Token::parse("CODE").unwrap();
        let letter = Letter::reset(to, "https://chat.example", &code);
        let message = letter.message(&settings(), "random")?;
        Ok(String::from_utf8(message.formatted()).unwrap())
    }

    #[test]
    fn a_mail_has_its_link_on_a_line_of_its_own() {
        let text = written("alice@example.com").unwrap();
        assert!(text.contains("\r\nhttps://chat.example/#reset=CODE\r\n"), "{text}");
        for line in [
            "To: alice@example.com\r\n",
            "Subject: Set a new password\r\n",
            "Message-ID: <random@chat.example>\r\n",
            "Auto-Submitted: auto-generated\r\n",
            "From: Chat <noreply@chat.example>\r\n",
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
    }

    #[test]
    fn no_address_adds_a_header_or_a_recipient() {
        for to in [
            "a@x\r\nBcc: b@x.example",
            "a@x.example, b@x.example",
            "a@x.example>\r\nSubject: other",
            "a@x.example\nb",
            "",
            "a",
        ] {
            assert!(written(to).is_err(), "{to:?}");
        }
        assert!(written("a@bücher.example").unwrap().contains("To: a@xn--bcher-kva.example\r\n"));
        assert!(written("x_y{z}+tag@a.example").is_ok());
    }
}
