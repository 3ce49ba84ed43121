//! How diagnostics look: on a terminal, in a log.
//!
//! The looks are those of rustc, by the same library. Only the lines around a label are handed to it, so
//! that printing costs the same in a long inventory as in a short one.

use std::fmt::Write as _;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use crate::types::is_format_control;

use super::{Code, Diagnostic, Label, Report, Severity, Source, SourceError, Span};

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
/// An excerpt with more bytes than this is not shown: nobody reads it, and it would be gone through for each
/// problem on it.
const LONGEST: usize = 4096;
/// More problems than this are counted, not shown.
const MOST: usize = 1000;

/// The whole report as text: each problem in the order of the file, then a line that counts them.
///
/// Empty when there is nothing to say.
pub fn report(report: Report, source: &Source, colour: Colour) -> String {
    let (errors, warnings) = report.counts();
    if errors + warnings == 0 {
        return String::new();
    }
    let name = visible(source.name()).replace('\n', "\\n");
    let renderer = renderer(colour);
    let mut out = String::new();
    let diagnostics = report.into_sorted();
    // A key may be spelled with escapes, so that only the parser saw what it is.
    let private =
        diagnostics.iter().filter(|d| d.code == Code::PrivateKey).filter_map(|d| d.primary.as_ref());
    let redacted = source.redacted(private.map(|label| label.span.clone()));
    let printable = printable(&redacted);
    let lines = Lines::of(&printable);
    for diagnostic in diagnostics.iter().take(MOST) {
        out.push_str(&renderer.render(&[group(diagnostic, &name, &lines)]));
        out.push_str("\n\n");
    }
    if diagnostics.len() > MOST {
        let _ = writeln!(out, "and {} more, which are not shown\n", diagnostics.len() - MOST);
    }
    let _ = writeln!(out, "{name}: {}", counted(errors, warnings));
    out
}

/// What is said of bytes that are no inventory at all.
pub fn source_error(error: &SourceError, colour: Colour) -> String {
    let name = visible(&error.source_name).replace('\n', "\\n");
    let level = Level::ERROR;
    let title = level.primary_title(visible(&error.diagnostic.title)).id(error.diagnostic.code.as_str());
    let group = Group::with_title(title);
    let line;
    let group = match &error.place {
        Some(place) => {
            line = visible(&place.text);
            let end = line.char_indices().nth(place.column - 1).map_or(line.len(), |(at, _)| at);
            let snippet = Snippet::source(line.as_str()).path(&name).line_start(place.line);
            group.element(snippet.annotation(AnnotationKind::Primary.span(end..end)))
        }
        None => group.element(Origin::path(&name)),
    };
    let mut out = renderer(colour).render(&[remarks(&error.diagnostic, group)]);
    let _ = write!(out, "\n\n{name}: {}\n", counted(1, 0));
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
        None => group = group.element(Origin::path(name)),
        Some(primary) => {
            let (near, far): (Vec<&Label>, Vec<&Label>) = diagnostic
                .context
                .iter()
                .partition(|c| lines.distance(primary.span.start, c.span.start) <= TOGETHER);
            group = lines.show(group, name, Some(primary), &near);
            for label in far {
                group = lines.show(group, name, None, &[label]);
            }
        }
    }
    remarks(diagnostic, group)
}

/// The help, the notes, and where to read on.
fn remarks<'a>(diagnostic: &'a Diagnostic, mut group: Group<'a>) -> Group<'a> {
    for help in &diagnostic.help {
        group = group.element(Level::HELP.message(visible(help)));
    }
    for note in &diagnostic.notes {
        group = group.element(Level::NOTE.message(visible(note)));
    }
    group.element(Level::NOTE.message(format!("see `buildfleet explain {}`", diagnostic.code)))
}

/// The source with one character for each that a terminal would act on, of the same length, so that every byte
/// stays in its place. The library replaces those of ASCII itself.
fn printable(text: &str) -> String {
    let replace = |c: char| match c {
        '\u{80}'..='\u{9f}' => '¤',
        c if is_format_control(c) => '\u{fffd}',
        c => c,
    };
    text.chars().map(replace).collect()
}

/// The text with control characters spelled out, so that an inventory cannot write to a terminal.
fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => out.push('\n'),
            c if c.is_control() || is_format_control(c) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    out
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

    /// Adds the lines that hold all the labels, annotated; of lines too long to show, the place alone.
    fn show(
        &self,
        group: Group<'a>,
        name: &'a str,
        primary: Option<&'a Label>,
        context: &[&'a Label],
    ) -> Group<'a> {
        let labels = || primary.into_iter().chain(context.iter().copied());
        let (from, to) =
            labels().fold((usize::MAX, 0), |(from, to), l| (from.min(l.span.start), to.max(l.span.end)));
        let first = self.line(from);
        let start = self.starts.get(first).copied().unwrap_or_default();
        let end = self.starts.get(self.line(to) + 1).copied().unwrap_or(self.text.len());
        let excerpt = self.text.get(start..end).unwrap_or_default();
        if excerpt.len() > LONGEST {
            return labels().fold(group, |group, label| self.place(group, name, label));
        }
        let within = |span: &Span| -> Span {
            let clamp = |at: usize| at.saturating_sub(start).min(excerpt.len());
            clamp(span.start)..clamp(span.end)
        };
        let annotate = |kind: AnnotationKind, label: &'a Label| {
            let annotation = kind.span(within(&label.span));
            if label.text.is_empty() { annotation } else { annotation.label(visible(&label.text)) }
        };
        let snippet = Snippet::source(excerpt)
            .path(name)
            .line_start(first + 1)
            .annotations(primary.map(|l| annotate(AnnotationKind::Primary, l)))
            .annotations(context.iter().map(|l| annotate(AnnotationKind::Context, l)));
        group.element(snippet)
    }

    /// Adds the place of a label without its line.
    fn place(&self, group: Group<'a>, name: &'a str, label: &'a Label) -> Group<'a> {
        let line = self.line(label.span.start);
        let start = self.starts.get(line).copied().unwrap_or_default();
        let before = self.text.get(start..label.span.start).unwrap_or_default();
        let origin = Origin::path(name).line(line + 1).char_column(before.chars().count() + 1);
        let group = group.element(origin);
        if label.text.is_empty() { group } else { group.element(Level::NOTE.message(visible(&label.text))) }
    }
}
