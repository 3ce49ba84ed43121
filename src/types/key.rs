//! Public keys of OpenSSH: host keys, and the keys that are let in.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssh_keys::{Data, PublicKey as Parsed};

use super::shown;
use super::text::is_format_control;
use crate::diag::{Code, Fault};

/// A public key as `ssh-keygen` writes it: algorithm, base64, and perhaps a comment.
///
/// Ed25519, ECDSA and their security-key forms, and RSA from 2048 bits on. What is printed is what was
/// understood: two keys are one if algorithm and blob are ([`same_key`](Self::same_key)), whatever the comment.
/// Errors: `private-key`, `malformed-key`, `refused-key-type`, `weak-key`, `known-hosts-line`, `several-keys`.
/// Source: sshd(8), "AUTHORIZED_KEYS FILE FORMAT"; RFC 4253, section 6.6.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey {
    algorithm: &'static str,
    blob: Vec<u8>,
    comment: Option<String>,
    strength: KeyStrength,
}

/// How much a key is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyStrength {
    /// What OpenSSH makes today.
    Good,
    /// RSA of 2048 bits and more, but fewer than 3072.
    Weak,
}

/// The names of algorithms that a key may begin with, refused ones included.
const ALGORITHMS: &[&str] = &[
    "ssh-ed25519",
    "sk-ssh-ed25519@openssh.com",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "ssh-rsa",
    "ssh-dss",
];

/// Whether a text holds private key material, judged by how such files begin.
pub fn looks_private(text: &str) -> bool {
    (text.contains("-----BEGIN") && text.contains("PRIVATE KEY"))
        || ["AGE-SECRET-KEY-1", "PuTTY-User-Key-File", "b3BlbnNzaC1rZXktdjE"]
            .iter()
            .any(|mark| text.contains(mark))
}

/// What is said of private key material, without repeating any of it.
pub fn private_key_fault() -> Fault {
    Fault::new(
        Code::PrivateKey,
        "this is private key material",
        "take it out, put the public key (`….pub`) here, and replace the key pair: it has been written down",
    )
}

impl PublicKey {
    /// The algorithm's name, such as `ssh-ed25519`.
    pub fn algorithm(&self) -> &'static str {
        self.algorithm
    }

    /// The key itself in base64.
    pub fn base64(&self) -> String {
        STANDARD.encode(&self.blob)
    }

    /// The comment, which names the key for people.
    pub fn comment(&self) -> Option<&str> {
        self.comment.as_deref()
    }

    /// Algorithm and base64, as known_hosts and NixOS want them.
    pub fn without_comment(&self) -> String {
        format!("{} {}", self.algorithm, self.base64())
    }

    /// How much it is worth.
    pub fn strength(&self) -> KeyStrength {
        self.strength
    }

    /// The key as bytes; keys with equal blobs are one key.
    pub fn blob(&self) -> &[u8] {
        &self.blob
    }

    /// Whether both are one key.
    pub fn same_key(&self, other: &Self) -> bool {
        self.blob == other.blob
    }

    /// The fingerprint as `ssh-keygen -l` prints it, `SHA256:…`.
    pub fn fingerprint(&self) -> String {
        use sha2::Digest as _;
        let digest = sha2::Sha256::digest(&self.blob);
        format!("SHA256:{}", base64::engine::general_purpose::STANDARD_NO_PAD.encode(digest))
    }
}

fn malformed(text: &str, help: &str) -> Fault {
    Fault::new(Code::MalformedKey, format!("`{}` is not a public key", shown(text)), help)
}

/// What is wrong with a text that does not begin with an algorithm.
fn misplaced(text: &str) -> Fault {
    let words: Vec<&str> = text.split_whitespace().collect();
    let at = words.iter().position(|word| ALGORITHMS.contains(word));
    let Some(at) = at else {
        return if text.contains("-cert-v01@openssh.com") {
            refused(text, "a certificate is no key: give the public key that it was made for")
        } else {
            malformed(text, "it looks like `ssh-ed25519 AAAA... comment`; `ssh-keygen -t ed25519` makes one")
        };
    };
    if at == 0 {
        return malformed(text, "write one blank between the algorithm, the key and the comment");
    }
    let key = words.get(at..).unwrap_or_default().join(" ");
    let before = words.get(..at).unwrap_or_default().join(" ");
    if before.contains("=\"")
        || before.contains('"')
        || ["restrict", "cert-authority", "no-pty"].contains(&before.as_str())
    {
        return malformed(text, "leave the options out: what a key may do is rendered from the inventory");
    }
    Fault::new(
        Code::KnownHostsLine,
        format!("`{}` is a line of known_hosts, not a key", shown(text)),
        format!("write the key alone: `{}`", shown(&key)),
    )
}

fn refused(text: &str, help: &str) -> Fault {
    Fault::new(Code::RefusedKeyType, format!("`{}` is of a type that is not accepted", shown(text)), help)
}

impl FromStr for PublicKey {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        if looks_private(text) {
            return Err(private_key_fault());
        }
        let text = text.trim();
        let several = || {
            Fault::new(
                Code::SeveralKeys,
                "there is more than one key in this string",
                "write each key as a string of its own",
            )
        };
        let keys = text.split_whitespace().filter(|word| ALGORITHMS.contains(word)).count();
        if keys > 1 {
            return Err(several());
        }
        if text.contains(['\n', '\r']) {
            return Err(malformed(text, "a key is one line"));
        }
        let mut words = text.splitn(3, ' ');
        let (name, base64, comment) = (words.next().unwrap_or_default(), words.next(), words.next());
        let Some(algorithm) = ALGORITHMS.iter().find(|known| **known == name) else {
            return Err(misplaced(text));
        };
        if *algorithm == "ssh-dss" {
            return Err(refused(
                text,
                "OpenSSH takes no DSA keys any more: make one with `ssh-keygen -t ed25519`",
            ));
        }
        let cut = "the key is cut short or changed: copy the whole line of the `.pub` file";
        // The library takes more than keys, and panics on some of it; so it gets the two words that it is for.
        let base64 = base64.filter(|b| !b.is_empty() && b.is_ascii()).ok_or_else(|| malformed(text, cut))?;
        let blob = STANDARD.decode(base64).map_err(|_| malformed(text, cut))?;
        let parsed = Parsed::parse(&format!("{name} {base64}")).map_err(|_| malformed(text, cut))?;
        if parsed.data() != blob || parsed.keytype() != *algorithm {
            return Err(malformed(text, cut));
        }
        let strength = strength(&parsed.data, text)?;
        let comment = comment.map(str::trim).filter(|comment| !comment.is_empty()).map(str::to_owned);
        if comment.as_ref().is_some_and(|c| c.chars().any(|c| c.is_control() || is_format_control(c))) {
            return Err(malformed(text, "take the control characters out of the comment"));
        }
        Ok(Self { algorithm, blob, comment, strength })
    }
}

/// Checks the lengths that the library does not.
fn strength(data: &Data, text: &str) -> Result<KeyStrength, Fault> {
    let cut = || malformed(text, "the key has the wrong length: copy the whole line of the `.pub` file");
    let point = |key: &[u8]| match key.len() {
        // An uncompressed point: 4, then two coordinates. Source: SEC 1, section 2.3.3.
        65 | 97 | 133 if key.first() == Some(&4) => Ok(KeyStrength::Good),
        _ => Err(cut()),
    };
    match data {
        Data::Ed25519 { key } | Data::Ed25519Sk { key, .. } if key.len() == 32 => Ok(KeyStrength::Good),
        Data::Ed25519 { .. } | Data::Ed25519Sk { .. } => Err(cut()),
        Data::Ecdsa { key, .. } | Data::EcdsaSk { key, .. } => point(key),
        Data::Rsa { modulus, exponent } => {
            let significant: Vec<u8> = modulus.iter().copied().skip_while(|b| *b == 0).collect();
            let bits = significant.len() * 8 - significant.first().map_or(0, |b| b.leading_zeros() as usize);
            if exponent.iter().all(|b| *b == 0) || bits == 0 {
                return Err(cut());
            }
            match bits {
                3072.. => Ok(KeyStrength::Good),
                2048.. => Ok(KeyStrength::Weak),
                _ => Err(Fault::new(
                    Code::WeakKey,
                    format!("`{}` is an RSA key of {bits} bits", shown(text)),
                    "make a new one with `ssh-keygen -t ed25519`; RSA is accepted from 2048 bits on",
                )),
            }
        }
        Data::Dsa { .. } => {
            Err(refused(text, "OpenSSH takes no DSA keys any more: make one with `ssh-keygen -t ed25519`"))
        }
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.without_comment())?;
        self.comment.as_ref().map_or(Ok(()), |comment| write!(f, " {comment}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ED25519: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINTZhDfzIcWgdRgmlU/5uqOcfo29zEsGCmOKd8uIAKk1";

    fn fault(text: &str) -> Fault {
        text.parse::<PublicKey>().expect_err(text)
    }

    #[test]
    fn a_key_prints_as_it_was_understood() {
        for comment in ["", " eagle-builder", " two words", " é 🦀 \"q\" $x"] {
            let key: PublicKey = format!("{ED25519}{comment}").parse().expect("key");
            assert_eq!(key.to_string(), format!("{ED25519}{comment}"));
            assert_eq!(key.without_comment(), ED25519);
        }
        let plain: PublicKey = ED25519.parse().expect("key");
        assert!(plain.same_key(&format!("{ED25519} other").parse().expect("key")));
        assert!(plain.fingerprint().starts_with("SHA256:"));
    }

    #[test]
    fn what_is_no_single_public_key_is_refused() {
        for (text, code) in [
            (String::new(), Code::MalformedKey),
            ("ssh-ed25519".to_owned(), Code::MalformedKey),
            ("ssh-ed25519 AAAAC3Nza...".to_owned(), Code::MalformedKey),
            (ED25519.replace("AKk1", ""), Code::MalformedKey),
            (format!("{}AAAA", ED25519), Code::MalformedKey),
            (ED25519.replace("ssh-ed25519", "ssh-rsa"), Code::MalformedKey),
            (ED25519.replace("ed25519 ", "ed25519  "), Code::MalformedKey),
            (format!("environment=\"A=日本\" {ED25519}"), Code::MalformedKey),
            (format!("restrict {ED25519}"), Code::MalformedKey),
            (format!("{ED25519} a\u{1b}[31m"), Code::MalformedKey),
            (format!("ser5.internal {ED25519}"), Code::KnownHostsLine),
            (format!("[ser5.internal]:2222 {ED25519}"), Code::KnownHostsLine),
            (format!("|1|abc=|def= {ED25519}"), Code::KnownHostsLine),
            (format!("{ED25519}\n{ED25519}"), Code::SeveralKeys),
            (format!("{ED25519} {ED25519}"), Code::SeveralKeys),
            ("ssh-dss AAAAB3NzaC1kc3MAAA==".to_owned(), Code::RefusedKeyType),
            ("ssh-ed25519-cert-v01@openssh.com AAAA".to_owned(), Code::RefusedKeyType),
            ("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA".to_owned(), Code::PrivateKey),
        ] {
            assert_eq!(fault(&text).code, code, "{text}");
        }
    }

    #[test]
    fn rsa_is_judged_by_its_length() {
        // exponent 65537 and a modulus of the given number of bits, all of them set.
        let rsa = |bits: usize| {
            let mut blob = Vec::new();
            let mut part = |bytes: &[u8]| {
                blob.extend(u32::try_from(bytes.len()).expect("length").to_be_bytes());
                blob.extend(bytes);
            };
            part(b"ssh-rsa");
            part(&[1, 0, 1]);
            part(&[vec![0], vec![0xff; bits / 8]].concat());
            format!("ssh-rsa {}", STANDARD.encode(blob))
        };
        assert_eq!(rsa(4096).parse::<PublicKey>().map(|k| k.strength()), Ok(KeyStrength::Good));
        assert_eq!(rsa(2048).parse::<PublicKey>().map(|k| k.strength()), Ok(KeyStrength::Weak));
        assert_eq!(fault(&rsa(1024)).code, Code::WeakKey);
        assert_eq!(fault(&rsa(0)).code, Code::MalformedKey);
    }

    #[test]
    fn private_keys_are_not_repeated() {
        let fault = fault("-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0\n-----END OPENSSH PRIVATE KEY-----");
        assert!(!fault.what.contains("c2Vj") && !fault.help.contains("c2Vj"));
        assert!(looks_private("AGE-SECRET-KEY-1QQ") && !looks_private(ED25519));
    }
}
