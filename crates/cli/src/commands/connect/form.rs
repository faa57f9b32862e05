//! The fields of a form: from arguments and files, then from the settings, then from the terminal, or from
//! a script's stdin.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::PathBuf;

use evergrant::Secret;
use evergrant::provider::FormField;
use zeroize::Zeroizing;

use crate::output::UsageError;
use crate::terminal;

/// A field as the command line gives it.
#[derive(Debug, Clone)]
pub(crate) struct Given {
    name: String,
    from: Source,
}

#[derive(Debug, Clone)]
enum Source {
    File(PathBuf),
    Argument(String),
}

/// Reads `NAME=@FILE` or `NAME=VALUE`.
pub(super) fn given(text: &str) -> Result<Given, String> {
    let (name, value) = text.split_once('=').ok_or("give NAME=@FILE or NAME=VALUE")?;
    let from = match value.strip_prefix('@') {
        Some(path) => Source::File(path.into()),
        None => Source::Argument(value.to_owned()),
    };
    Ok(Given { name: name.to_owned(), from })
}

/// Where what the command line leaves out comes from.
enum Rest<'a> {
    /// A person, who is asked for one after the other.
    Person(&'a mut dyn FnMut(&FormField) -> anyhow::Result<Secret>),
    /// A script, which sends all of it as a JSON object.
    Script(&'a mut dyn Read),
}

/// Every field that has a value, with it. What the settings have stands behind what was typed.
pub(super) fn fill(
    fields: &[FormField],
    given: &[Given],
    settings: BTreeMap<String, Secret>,
) -> anyhow::Result<BTreeMap<String, Secret>> {
    if terminal::is_there() {
        let mut ask = |field: &FormField| {
            if !field.help.is_empty() {
                terminal::say(&field.help)?;
            }
            terminal::ask(&question(field), field.secret)
        };
        fill_from(fields, given, settings, Rest::Person(&mut ask))
    } else {
        fill_from(fields, given, settings, Rest::Script(&mut std::io::stdin().lock()))
    }
}

/// A field as a question: what may be answered, the usual first.
fn question(field: &FormField) -> String {
    match (&*field.choices, field.optional) {
        ([], false) => field.label.clone(),
        ([], true) => format!("{} (may be left empty)", field.label),
        (choices, true) => {
            format!("{} ({}; {} unless given)", field.label, choices.join(" or "), choices[0])
        }
        (choices, false) => format!("{} ({})", field.label, choices.join(" or ")),
    }
}

/// Keeps a value, unless it is none of those that the form takes.
fn keep(
    filled: &mut BTreeMap<String, Secret>,
    field: &FormField,
    value: Secret,
) -> Result<(), UsageError> {
    if field.optional && value.expose().is_empty() {
        return Ok(());
    }
    let known = field.choices.iter().any(|choice| choice == value.expose());
    if !field.choices.is_empty() && !known {
        let choices = field.choices.join(", ");
        return Err(UsageError(format!("`{}` is one of {choices}", field.name)));
    }
    filled.insert(field.name.clone(), value);
    Ok(())
}

fn fill_from(
    fields: &[FormField],
    given: &[Given],
    mut settings: BTreeMap<String, Secret>,
    rest: Rest<'_>,
) -> anyhow::Result<BTreeMap<String, Secret>> {
    let mut filled = BTreeMap::new();
    for Given { name, from } in given {
        let field = fields.iter().find(|field| field.name == *name);
        let field = field.ok_or_else(|| unknown(fields, name))?;
        let value = match from {
            Source::File(path) => terminal::secret_file(path)?,
            Source::Argument(_) if field.secret => {
                let why = format!(
                    "`{name}` is a secret, which every process here could read among the arguments: \
                     use --field {name}=@FILE, or stdin"
                );
                return Err(UsageError(why).into());
            }
            Source::Argument(value) => value.as_str().into(),
        };
        keep(&mut filled, field, value)?;
    }
    let named: BTreeSet<_> = given.iter().map(|given| given.name.as_str()).collect();
    for field in fields.iter().filter(|field| !named.contains(&*field.name)) {
        if let Some(value) = settings.remove(&field.name) {
            keep(&mut filled, field, value)?;
        }
    }
    let open =
        |field: &&FormField| !filled.contains_key(&field.name) && !named.contains(&*field.name);
    let missing: Vec<_> = fields.iter().filter(open).collect();
    match rest {
        // What may be left out is worth no question of its own.
        _ if missing.iter().all(|field| field.optional) => {}
        Rest::Person(ask) => {
            for field in missing {
                let value = ask(field)?;
                keep(&mut filled, field, value)?;
            }
        }
        Rest::Script(stdin) => {
            let mut sent = read_object(stdin)?;
            for field in missing {
                match sent.remove(&field.name) {
                    Some(value) => keep(&mut filled, field, value)?,
                    None if field.optional => {}
                    None => return Err(lacking(&field.name).into()),
                }
            }
            let known = |name: &str| fields.iter().any(|field| field.name == name);
            if let Some(name) = sent.keys().find(|name| !known(name)) {
                return Err(unknown(fields, name).into());
            }
        }
    }
    Ok(filled)
}

/// An object of texts. What stands there instead is not quoted: it may be a password.
fn read_object(stdin: &mut dyn Read) -> anyhow::Result<BTreeMap<String, Secret>> {
    let mut text = Zeroizing::new(String::new());
    stdin.read_to_string(&mut text)?;
    if text.trim().is_empty() {
        return Ok(BTreeMap::new());
    }
    let read = serde_json::from_str::<BTreeMap<String, String>>(&text);
    let read = read.map_err(|_| {
        UsageError("stdin is not a JSON object with a text for every field".to_owned())
    })?;
    Ok(read.into_iter().map(|(name, value)| (name, value.into())).collect())
}

fn unknown(fields: &[FormField], name: &str) -> UsageError {
    let names: BTreeSet<_> = fields.iter().map(|field| field.name.as_str()).collect();
    let names: Vec<_> = names.into_iter().collect();
    UsageError(format!("the form has no field {name:?}; it has {}", names.join(", ")))
}

fn lacking(name: &str) -> UsageError {
    UsageError(format!("the field `{name}` is missing: use --field {name}=@FILE, or stdin"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields() -> [FormField; 2] {
        [("login", false), ("password", true)].map(|(name, secret)| FormField {
            name: name.to_owned(),
            label: name.to_uppercase(),
            secret,
            ..FormField::default()
        })
    }

    fn script(given: &[Given], stdin: &str) -> anyhow::Result<Vec<(String, String)>> {
        let none = BTreeMap::new();
        let filled = fill_from(&fields(), given, none, Rest::Script(&mut stdin.as_bytes()))?;
        Ok(filled.into_iter().map(|(name, value)| (name, value.expose().to_owned())).collect())
    }

    fn both(login: &str, password: &str) -> Vec<(String, String)> {
        vec![("login".to_owned(), login.to_owned()), ("password".to_owned(), password.to_owned())]
    }

    #[test]
    fn a_script_gives_fields_as_json_as_files_and_only_plain_ones_as_arguments() {
        let json = r#"{"login":"trader","password":"hunter2"}"#;
        assert_eq!(script(&[], json).unwrap(), both("trader", "hunter2"));
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        std::fs::write(&file, "hunter 3 \n").unwrap();
        let secret = given(&format!("password=@{}", file.display())).unwrap();
        let plain = given("login=a=b").unwrap();
        assert_eq!(script(&[plain, secret.clone()], "").unwrap(), both("a=b", "hunter 3 "));
        let login = r#"{"login":"trader"}"#;
        assert_eq!(script(&[secret], login).unwrap(), both("trader", "hunter 3 "));
    }

    #[test]
    fn a_secret_among_the_arguments_is_refused_and_not_repeated() {
        let error = script(&[given("password=hunter2").unwrap()], "{}").unwrap_err();
        assert!(error.is::<UsageError>());
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }

    #[test]
    fn what_does_not_fit_the_form_is_named_without_its_value() {
        for (stdin, told) in [
            ("", "`login` is missing"),
            (r#"{"login":"hunter2"}"#, "`password` is missing"),
            (r#"{"login":"a","password":"hunter2","pin":"hunter2"}"#, "no field \"pin\""),
            (r#"{"login":"a","password":["hunter2"]}"#, "JSON object"),
            ("hunter2", "JSON object"),
        ] {
            let error = script(&[], stdin).unwrap_err();
            assert!(error.is::<UsageError>() && error.to_string().contains(told), "{error}");
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
        let error = script(&[given("pin=1").unwrap()], "{}").unwrap_err();
        assert!(error.to_string().ends_with("it has login, password"), "{error}");
        assert!(given("login").is_err());
    }

    #[test]
    fn a_person_is_asked_for_the_rest_and_told_which_is_secret() {
        let mut asked = Vec::new();
        let mut ask = |field: &FormField| {
            asked.push((field.label.clone(), field.secret));
            Ok(Secret::from("typed"))
        };
        let given = [given("login=trader").unwrap()];
        let none = BTreeMap::new();
        let filled = fill_from(&fields(), &given, none, Rest::Person(&mut ask)).unwrap();
        assert_eq!(filled["password"].expose(), "typed");
        assert_eq!(asked, [("PASSWORD".to_owned(), true)]);
    }

    /// A form with a field that may be left out, and takes two answers.
    fn with_choice() -> Vec<FormField> {
        let keep = FormField {
            name: "keep".to_owned(),
            label: "Keep it".to_owned(),
            optional: true,
            choices: ["no", "yes"].map(str::to_owned).into(),
            ..FormField::default()
        };
        fields().into_iter().chain([keep]).collect()
    }

    #[test]
    fn what_may_be_left_out_is_asked_only_with_the_rest_and_is_one_of_the_choices() {
        let login = |text: &str| BTreeMap::from([("login".to_owned(), Secret::from(text))]);
        let fill = |given: &[&str], settings, answer: &str| {
            let given: Vec<_> = given.iter().map(|text| given_of(text)).collect();
            let mut asked = Vec::new();
            let mut ask = |field: &FormField| {
                asked.push(question(field));
                Ok(Secret::from(if field.optional { answer } else { "typed" }))
            };
            let filled = fill_from(&with_choice(), &given, settings, Rest::Person(&mut ask));
            (filled.map(|filled| filled.into_keys().collect::<Vec<_>>()), asked)
        };
        let (filled, asked) = fill(&[], login("trader"), "");
        assert_eq!(filled.unwrap(), ["login", "password"]);
        assert_eq!(asked, ["PASSWORD", "Keep it (no or yes; no unless given)"]);
        assert_eq!(fill(&[], login("trader"), "yes").0.unwrap(), ["keep", "login", "password"]);
        let wrong = fill(&[], login("trader"), "perhaps").0.unwrap_err();
        assert_eq!(wrong.to_string(), "`keep` is one of no, yes");
        // With all that is needed in the settings nobody is asked.
        let mut both = login("trader");
        both.insert("password".to_owned(), "hunter2".into());
        let (filled, asked) = fill(&["keep=yes", "login=other"], both, "no");
        assert_eq!((filled.unwrap().len(), asked.len()), (3, 0));
    }

    #[test]
    fn what_was_typed_comes_before_what_the_settings_have() {
        let settings = || {
            BTreeMap::from([("login", "set"), ("password", "hunter2")])
                .into_iter()
                .map(|(name, value)| (name.to_owned(), Secret::from(value)))
                .collect()
        };
        let filled = |given: &[Given]| {
            let filled = fill_from(&fields(), given, settings(), Rest::Script(&mut &b"?"[..]));
            filled.unwrap()["login"].expose().to_owned()
        };
        assert_eq!(filled(&[]), "set");
        assert_eq!(filled(&[given_of("login=typed")]), "typed");
    }

    fn given_of(text: &str) -> Given {
        given(text).unwrap()
    }
}
