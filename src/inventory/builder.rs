//! `[builders.<name>]`: a named group of nodes.

use super::fields::Fields;
use super::spanned::{Said, Spanned};
use super::value::Labels;
use super::words::Driver;
use crate::diag::Span;
use crate::types::{Duration, HostName, Platform, Word};

/// A builder as written.
#[derive(Debug)]
pub struct BuilderEntry {
    /// Where its table stands.
    pub span: Span,
    /// `driver`.
    pub driver: Spanned<Driver>,
    /// `nodes`, in order.
    pub nodes: Vec<Spanned<HostName>>,
    /// Where `nodes` stands.
    pub nodes_span: Span,
    /// `clients`, in order.
    pub clients: Vec<Spanned<HostName>>,
    /// Where `clients` stands.
    pub clients_span: Span,
    /// Whether `nodes` is an array without elements.
    pub has_no_nodes: bool,
    /// Whether `clients` is.
    pub has_no_clients: bool,
    /// `platforms`; empty for those of the nodes.
    pub platforms: Vec<Spanned<Platform>>,
    /// `probe-interval`.
    pub probe_interval: Option<Duration>,
    /// `driver-opts`.
    pub driver_opts: Option<Spanned<Labels>>,
    /// `buildkitd-flags`.
    pub buildkitd_flags: Vec<Spanned<Word>>,
    /// Which of its keys are there, and where.
    pub said: Said,
}

impl BuilderEntry {
    /// Reads the table; `None` without a driver, as no other choice could be judged.
    pub fn read(fields: Fields<'_>) -> Option<Self> {
        let driver = fields.required::<Driver>("driver");
        fields.require("nodes");
        fields.require("clients");
        let nodes = fields.list("nodes");
        let clients = fields.list("clients");
        let platforms = fields.list("platforms");
        let probe_interval = fields.optional("probe-interval").map(Spanned::into_inner);
        let driver_opts = fields.optional("driver-opts");
        let buildkitd_flags = fields.list("buildkitd-flags");
        let (span, nodes_span, clients_span) =
            (fields.span(), fields.key_span("nodes"), fields.key_span("clients"));
        let (has_no_nodes, has_no_clients) =
            (fields.is_empty_array("nodes"), fields.is_empty_array("clients"));
        let said = fields.said();
        fields.finish();
        Some(Self {
            said,
            has_no_nodes,
            has_no_clients,
            span,
            driver: driver?,
            nodes,
            nodes_span,
            clients,
            clients_span,
            platforms,
            probe_interval,
            driver_opts,
            buildkitd_flags,
        })
    }
}
