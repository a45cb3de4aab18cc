use super::*;

fn parse(text: &str) -> SmtpUrl {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn a_url_names_server_user_and_sender() {
    let url = parse("smtps://me%40x:p%3Aw%25@mail.example:4650?from=noreply@chat.example");
    assert_eq!(
        (url.host.as_str(), url.port, url.encryption),
        ("mail.example", 4650, Encryption::Tls)
    );
    assert_eq!(url.credentials, Some(("me@x".to_owned(), "p:w%".to_owned())));
    assert_eq!(url.from.email.to_string(), "noreply@chat.example");
    let url = parse("smtp://mail.example/?from=Our%20Chat%20%3Ca@b.example%3E");
    assert_eq!((url.port, url.encryption, url.credentials), (587, Encryption::StartTls, None));
    assert_eq!(url.from.name.as_deref(), Some("Our Chat"));
    assert_eq!(parse("smtps://[2001:db8::1]?from=a@b").host, "2001:db8::1");
    assert_eq!(parse("smtps://h?from=a@b").port, 465);
    for (text, encryption) in [
        ("smtp://localhost:25?from=a@b", Encryption::Off),
        ("smtp://127.0.0.1:25?from=a@b", Encryption::Off),
        ("smtp://[::1]:25?from=a@b", Encryption::Off),
        ("smtps://localhost?from=a@b", Encryption::Tls),
        ("smtp://mail:25?from=a@b&tls=off", Encryption::Off),
        ("smtp://u:p@mail?from=a@b", Encryption::StartTls),
    ] {
        assert_eq!(parse(text).encryption, encryption, "{text}");
    }
}

#[test]
fn what_is_wrong_is_said_without_the_password() {
    use SmtpUrlError::{Escape, Form, From, Option, Password, Port};
    for (text, error) in [
        ("", Form),
        ("mail.example", Form),
        ("https://mail.example?from=a@b", Form),
        ("smtps://?from=a@b", Form),
        ("smtps://u:s3cret@?from=a@b", Form),
        ("smtps://a b?from=a@b", Form),
        ("smtps://[::1?from=a@b", Form),
        ("smtps://h:0?from=a@b", Port),
        ("smtps://h:65536?from=a@b", Port),
        ("smtps://h:x?from=a@b", Port),
        ("smtps://u@h?from=a@b", Password),
        ("smtps://:s3cret@h?from=a@b", Password),
        ("smtps://u:s3@cret@h?from=a@b", Escape),
        ("smtps://u:s3/cret@h?from=a@b", Escape),
        ("smtps://u:s3%cret@h?from=a@b", Escape),
        ("smtps://u:s3cret@h", From),
        ("smtps://u:s3cret@h?from=", From),
        ("smtps://u:s3cret@h?from=nobody", From),
        ("smtps://h?from=a@b%0d%0aBcc:%20c@d", From),
        ("smtps://h?from=a@b&from=c@d", Option),
        ("smtps://h?from=a@b&tls=off", Option),
        ("smtp://h?from=a@b&tls=maybe", Option),
        ("smtp://h?from=a@b&x=1", Option),
    ] {
        let found = text.parse::<SmtpUrl>().err();
        assert!(!found.as_ref().unwrap().to_string().contains("s3"), "{text}");
        assert_eq!(found, Some(error), "{text}");
    }
}

#[test]
fn links_need_the_address_that_people_open() {
    let url = Some("smtps://h?from=a@b");
    let file = tempfile::NamedTempFile::new().unwrap();
    let resolve = |url: Option<&str>, file: Option<&Path>, public: Option<&str>| {
        let public = public.map(|it| http::origin::Origin::from_public_url(it).unwrap());
        MailSettings::resolve(url, file, public.as_ref())
    };
    let public = Some("https://chat.example");
    assert!(matches!(resolve(url, None, None), Err(MailUsageError::NoPublicUrl)));
    assert!(matches!(resolve(None, None, None), Ok(None)));
    assert!(matches!(resolve(Some(""), Some(Path::new("")), None), Ok(None)));
    assert!(matches!(resolve(url, Some(file.path()), public), Err(MailUsageError::Both)));
    assert!(matches!(
        resolve(None, Some(file.path()), public),
        Err(MailUsageError::UrlInFile { .. })
    ));
    assert!(matches!(
        resolve(None, Some(Path::new("/no")), public),
        Err(MailUsageError::File { .. })
    ));
    fs::write(file.path(), "smtps://h?from=a@b\n").unwrap();
    let settings = resolve(None, Some(file.path()), public).unwrap().unwrap();
    assert_eq!(
        (settings.base.as_str(), settings.host.as_str()),
        ("https://chat.example", "chat.example")
    );
}
