//! `buildkitd.remote-workers.toml`: worker blocks with `[worker.oci.ssh]`, as design notes that were never run
//! have them.
//!
//! Every buildkitd refuses the file, and nothing refers to it; it is for readers who want to compare. What
//! it is meant to do is done by the client's builder. So the layout, down to its blanks, is that of the note.

use toml_edit::Value;

use super::instance::ssh_endpoint;
use crate::fleet::{Host, Reach, Worker};
use crate::inventory::{Driver, Spanned};
use crate::plan::{ClientPlan, HostPlan, Plan};
use crate::types::Remark;

/// The file of a client, for its builders with the driver `remote`.
pub fn toml(plan: &Plan<'_>, host: &HostPlan<'_>, client: &ClientPlan<'_>) -> String {
    let mut nodes: Vec<(&Host, &Worker, Reach<'_>)> = Vec::new();
    for used in client.builders.iter().filter(|used| used.builder.driver() == Driver::Remote) {
        for (node, worker) in plan.fleet.preferred(used.builder) {
            if !nodes.iter().any(|(known, ..)| known.name == node.name) {
                nodes.push((node, worker, used.builder.reach(host.host, node)));
            }
        }
    }
    let mut blocks = Vec::new();
    if let Some(own) = &host.node {
        blocks.extend(cdi(host.host, own.worker));
        blocks.extend(registries(own.worker));
    } else if let Some((_, worker, _)) = nodes.first() {
        blocks.extend(registries(worker));
    }
    blocks.push(
        "# ── Remote Builder Configuration ──────────────────────────────\n\
         # Routes builds to appropriate architecture hosts automatically\n\
         # Uses same SSH infrastructure as Nix distributed builds\n"
            .to_owned(),
    );
    let account = plan.fleet.account.user.as_str();
    let identity = client.client.identity_path();
    let mut explained = false;
    for (node, worker, reach) in nodes {
        let mut block = remarks(node.description.as_ref());
        block.push_str("[[worker.oci]]\n");
        let platforms =
            worker.platforms.iter().map(|p| quoted(&p.to_string())).collect::<Vec<_>>().join(", ");
        block.push_str(&format!("  platforms = [{platforms}]\n"));
        if let Some(limit) = worker.max_parallelism() {
            let why = node.comments.max_parallelism.as_ref().map(Remark::on_one_line);
            let why = why.map(|why| format!("  # {why}")).unwrap_or_default();
            block.push_str(&format!("  max-parallelism = {limit}{why}\n"));
        }
        if reach != Reach::Local {
            block.push_str(&format!(
                "\n  [worker.oci.ssh]\n    address = {}\n",
                quoted(&ssh_endpoint(account, node))
            ));
            if !explained {
                explained = true;
                let user = &client.client.user;
                block.push_str(&format!("    # SSH key must be accessible by {user} user\n"));
            }
            block.extend(identity.as_ref().map(|path| format!("    identity = {}\n", quoted(path))));
        }
        blocks.push(block);
    }
    blocks.join("\n")
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

fn remarks(remark: Option<&Remark>) -> String {
    super::header::comment(remark.into_iter().flat_map(Remark::lines))
}

fn cdi(host: &Host, worker: &Worker) -> Option<String> {
    let disabled = worker.daemon.settings.table("cdi")?.get("disabled")?.get().as_bool()?;
    Some(format!("{}[cdi]\n  disabled = {disabled}\n", remarks(host.comments.cdi.as_ref())))
}

fn registries(worker: &Worker) -> impl Iterator<Item = String> {
    worker.registries.iter().map(|(name, (_, entry))| {
        let mut block = format!("[registry.{}]\n", quoted(name.as_str()));
        for key in ["http", "insecure"] {
            let value = entry.settings.get(key).map(Spanned::get);
            block.extend(value.map(|value| format!("  {key} = {value}\n")));
        }
        let ca = entry.ca.as_ref().filter(|ca| !ca.is_empty());
        let ca =
            ca.map(|ca| ca.iter().map(|path| quoted(path.get().as_str())).collect::<Vec<_>>().join(", "));
        block.extend(ca.map(|ca| format!("  ca=[{ca}]\n")));
        block
    })
}
