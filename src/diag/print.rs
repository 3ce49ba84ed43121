//! How diagnostics look: on a terminal, in a log.
//!
//! The looks are those of rustc, by the same library. Only the lines around a label are handed to it, so
//! that printing costs the same in a long inventory as in a short one.

use std::fmt::Write as _;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Renderer, Snippet};

use super::{Diagnostic, Label, Report, Severity, Source, SourceError, Span};

/// Whether the output may carry colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// Plain text, the same everywhere.
    Never,
    /// With the escape sequences of a terminal.
    Always,
}

/// Labels further apart than this many lines are shown as excerpts of their own.
const TOGETHER: usize = 40;

/// The whole report as text: each problem in the order of the file, then a line that counts them.
///
/// Empty when there is nothing to say.
pub fn report(report: Report, source: &Source, colour: Colour) -> String {
    let (errors, warnings) = report.counts();
    if errors + warnings == 0 {
        return String::new();
    }
    let redacted = source.redacted();
    let lines = Lines::of(&redacted);
    let renderer = renderer(colour);
    let mut out = String::new();
    for diagnostic in report.into_sorted() {
        out.push_str(&renderer.render(&[group(&diagnostic, source.name(), &lines)]));
        out.push_str("\n\n");
    }
    let _ = writeln!(out, "{}: {}", source.name(), counted(errors, warnings));
    out
}

/// What is said of bytes that are no inventory at all.
pub fn source_error(error: &SourceError, colour: Colour) -> String {
    let diagnostic = &error.diagnostic;
    let name = match error.place {
        Some((line, column)) => format!("{}:{line}:{column}", error.source_name),
        None => error.source_name.clone(),
    };
    let lines = Lines::of("");
    let mut out = renderer(colour).render(&[group(diagnostic, &name, &lines)]);
    let _ = write!(out, "\n\n{}: {}\n", error.source_name, counted(1, 0));
    out
}

fn renderer(colour: Colour) -> Renderer {
    let renderer = match colour {
        Colour::Never => Renderer::plain(),
        Colour::Always => Renderer::styled(),
    };
    renderer.decor_style(DecorStyle::Ascii)
}

fn counted(errors: usize, warnings: usize) -> String {
    let plural = |n: usize, word: &str| format!("{n} {word}{}", if n == 1 { "" } else { "s" });
    match (errors, warnings) {
        (0, w) => plural(w, "warning"),
        (e, 0) => plural(e, "error"),
        (e, w) => format!("{}, {}", plural(e, "error"), plural(w, "warning")),
    }
}

fn group<'a>(diagnostic: &'a Diagnostic, name: &'a str, lines: &'a Lines<'a>) -> Group<'a> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(visible(&diagnostic.title)).id(diagnostic.code.as_str());
    let mut group = Group::with_title(title);
    match &diagnostic.primary {
        None => group = group.element(annotate_snippets::Origin::path(name)),
        Some(primary) => {
            let (near, far): (Vec<&Label>, Vec<&Label>) = diagnostic
                .context
                .iter()
                .partition(|c| lines.distance(primary.span.start, c.span.start) <= TOGETHER);
            group = group.element(lines.snippet(name, Some(primary), &near));
            for label in far {
                group = group.element(lines.snippet(name, None, &[label]));
            }
        }
    }
    for help in &diagnostic.help {
        group = group.element(Level::HELP.message(visible(help)));
    }
    for note in &diagnostic.notes {
        group = group.element(Level::NOTE.message(visible(note)));
    }
    group.element(Level::NOTE.message(format!("see `buildfleet explain {}`", diagnostic.code)))
}

/// The text with control characters spelled out, so that an inventory cannot write to a terminal.
fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => out.push('\n'),
            c if c.is_control() || is_bidi(c) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    out
}

fn is_bidi(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Where each line of the text begins.
struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn of(text: &'a str) -> Self {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { text, starts }
    }

    /// The number of the line that holds the byte, from 0.
    fn line(&self, at: usize) -> usize {
        self.starts.partition_point(|&start| start <= at).saturating_sub(1)
    }

    fn distance(&self, a: usize, b: usize) -> usize {
        self.line(a).abs_diff(self.line(b))
    }

    /// The lines that hold all the labels, annotated.
    fn snippet(
        &self,
        name: &'a str,
        primary: Option<&'a Label>,
        context: &[&'a Label],
    ) -> Snippet<'a, Annotation<'a>> {
        let labels = primary.into_iter().chain(context.iter().copied());
        let (from, to) =
            labels.fold((usize::MAX, 0), |(from, to), l| (from.min(l.span.start), to.max(l.span.end)));
        let first = self.line(from);
        let start = self.starts.get(first).copied().unwrap_or_default();
        let end = self.starts.get(self.line(to) + 1).copied().unwrap_or(self.text.len());
        let excerpt = self.text.get(start..end).unwrap_or_default();
        let within = |span: &Span| -> Span {
            let clamp = |at: usize| at.saturating_sub(start).min(excerpt.len());
            clamp(span.start)..clamp(span.end)
        };
        let annotate = |kind: AnnotationKind, label: &'a Label| {
            let annotation = kind.span(within(&label.span));
            if label.text.is_empty() { annotation } else { annotation.label(visible(&label.text)) }
        };
        Snippet::source(excerpt)
            .path(name)
            .line_start(first + 1)
            .annotations(primary.map(|l| annotate(AnnotationKind::Primary, l)))
            .annotations(context.iter().map(|l| annotate(AnnotationKind::Context, l)))
    }
}
