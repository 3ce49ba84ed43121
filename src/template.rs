//! Templates of programs: minijinja, with one escaper per language.
//!
//! A template is named after what it makes; the extension before `.j2` picks the escaper, so that `{{ x }}` is
//! one whole literal of the language. There is no filter that switches escaping off; an unknown extension, an
//! undefined name and a value that the language cannot hold are errors.

use std::marker::PhantomData;
use std::sync::OnceLock;

use minijinja::value::{Serde, ValueKind};
use minijinja::{AutoEscape, Environment, ErrorKind, Output, State, UndefinedBehavior, Value};
use serde::Serialize;

use crate::escape::shell;
use crate::render::RenderError;

/// Every template, by name.
const TEMPLATES: &[(&str, &str)] =
    &[("workstation/setup.sh.j2", include_str!("../templates/workstation/setup.sh.j2"))];

/// A template that is filled in from a `View`.
pub struct Template<View> {
    name: &'static str,
    view: PhantomData<fn(View)>,
}

impl<View: Serialize> Template<View> {
    /// The template of that name below `templates/`.
    pub const fn new(name: &'static str) -> Self {
        Self { name, view: PhantomData }
    }

    /// The template filled in.
    ///
    /// Errors: a name that the view lacks, a value that the language cannot hold.
    pub fn render(&self, view: &View) -> Result<String, RenderError> {
        let filled = environment()
            .get_template(self.name)
            .and_then(|template| template.render(Value::from(Serde(view))));
        filled.map_err(|error| RenderError::Template { name: self.name, why: format!("{error:#}") })
    }
}

fn environment() -> &'static Environment<'static> {
    static ENVIRONMENT: OnceLock<Environment<'static>> = OnceLock::new();
    ENVIRONMENT.get_or_init(|| {
        let mut environment = Environment::empty();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|name| {
            match name.strip_suffix(".j2").and_then(|name| name.rsplit_once('.')) {
                Some((_, "sh")) => AutoEscape::Custom("sh".into()),
                _ => AutoEscape::Custom("unknown".into()),
            }
        });
        environment.set_formatter(write);
        environment.set_syntax(
            minijinja::syntax::SyntaxConfig::builder()
                // `{#` occurs in the shell's `${#var}`.
                .comment_delimiters("{{#", "#}}")
                .trim_blocks(true)
                .lstrip_blocks(true)
                .keep_trailing_newline(true)
                .build()
                .expect("the delimiters differ"),
        );
        for (name, text) in TEMPLATES {
            environment.add_template(name, text).expect("templates are tested");
        }
        environment
    })
}

/// Writes a value as literals of the language: a word each, or, for a list, its words with blanks between.
fn write(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), minijinja::Error> {
    let refuse = |why: String| Err(minijinja::Error::new(ErrorKind::BadEscape, why));
    if !matches!(state.auto_escape(), AutoEscape::Custom(language) if language == "sh") {
        return refuse("no escaper for the template's extension".to_owned());
    }
    let literal = |value: &Value| match (value.kind(), value.as_str()) {
        (ValueKind::String, Some(text)) => {
            shell::word(text).map_err(|error| minijinja::Error::new(ErrorKind::BadEscape, error.to_string()))
        }
        (ValueKind::Number, _) => Ok(value.to_string()),
        (kind, _) => {
            Err(minijinja::Error::new(ErrorKind::BadEscape, format!("{kind} is no word of a script")))
        }
    };
    let literals = match value.kind() {
        ValueKind::Seq => value.try_iter()?.map(|item| literal(&item)).collect::<Result<Vec<_>, _>>()?,
        _ => vec![literal(value)?],
    };
    out.write_str(&literals.join(" "))?;
    Ok(())
}
