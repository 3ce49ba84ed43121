//! `[registries]`: how daemons reach a registry.

use super::fields::Fields;
use super::keys;
use super::settings::Settings;
use super::spanned::Spanned;
use crate::types::{AbsPath, Registry};

/// How a registry is reached, as written for the fleet or for a host.
#[derive(Debug, Clone)]
pub struct RegistryEntry {
    /// `http`, `insecure` and `mirrors`.
    pub settings: Settings,
    /// `ca`; `None` where it is not said, as a host's empty list wins over the fleet's.
    pub ca: Option<Vec<Spanned<AbsPath>>>,
    /// `[[keypair]]`, likewise.
    pub keypairs: Option<Vec<KeyPair>>,
}

/// A client certificate for a registry.
#[derive(Debug, Clone)]
pub struct KeyPair {
    /// The certificate.
    pub cert: Spanned<AbsPath>,
    /// Its key.
    pub key: Spanned<AbsPath>,
}

impl RegistryEntry {
    /// The `registries` of a table that has them.
    pub fn read_all(parent: &Fields<'_>) -> Vec<(Spanned<Registry>, Self)> {
        let entries = parent.map::<Registry>("registries").into_iter();
        entries.map(|(name, fields)| (name, Self::read(fields))).collect()
    }

    fn read(fields: Fields<'_>) -> Self {
        let entry = Self {
            settings: Settings::read(&keys::REGISTRY, &fields),
            ca: fields.has("ca").then(|| fields.list("ca")),
            keypairs: fields
                .has("keypair")
                .then(|| fields.tables("keypair").into_iter().filter_map(KeyPair::read).collect()),
        };
        fields.finish();
        entry
    }

    /// This entry, with what `over` says in its place.
    #[must_use]
    pub fn overlaid(&self, over: &Self) -> Self {
        Self {
            settings: self.settings.overlaid(&over.settings),
            ca: over.ca.clone().or_else(|| self.ca.clone()),
            keypairs: over.keypairs.clone().or_else(|| self.keypairs.clone()),
        }
    }
}

impl KeyPair {
    fn read(fields: Fields<'_>) -> Option<Self> {
        let cert = fields.required("cert");
        let key = fields.required("key");
        fields.finish();
        Some(Self { cert: cert?, key: key? })
    }
}
