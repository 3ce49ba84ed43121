//! What a client's key lets in, and what it does not. Each is a real ssh, asked of an sshd that forbids nothing by
//! itself; the account `control`, whose key has no restrictions, shows that what is refused would else have worked.

use std::fs;
use std::thread::{self, sleep};
use std::time::Duration;

use crate::lab::{EAGLE, Lab, Ran, SER5, script};
use crate::routing::assert_whereabouts;

const HOST: &str = "ser5.internal";

#[test]
#[ignore = "needs root and the conformance tools: conformance/setup"]
fn a_key_lets_in_what_builders_need_and_nothing_else() {
    let lab = Lab::remote();
    what_builders_need_is_let_in(&lab);
    other_commands_are_refused(&lab);
    forwarding_and_terminals_are_refused(&lab);
    a_session_brings_nothing_along(&lab);
}

fn what_builders_need_is_let_in(lab: &Lab) {
    for endpoint in
        ["ssh://nix-builder@ser5.internal", "ssh://nix-builder@ser5.internal/run/buildkit/buildkitd.sock"]
    {
        let workers = lab.client(EAGLE, &["buildctl", "--addr", endpoint, "debug", "workers"]).succeed();
        assert!(workers.contains("linux/amd64"), "{workers}");
        println!("let in: {endpoint}, whose worker answers");
    }

    // Nix, as its daemon runs: as root, with the rendered list of machines.
    for protocol in ["ssh", "ssh-ng"] {
        let store = format!("{protocol}://nix-builder@{HOST}");
        let ping =
            ["nix", "--extra-experimental-features", "nix-command", "store", "ping", "--store", &store];
        println!("let in: {}", lab.on("eagle", &ping).succeed_loudly().trim());
    }
    for (system, host) in [("x86_64-linux", "ser5"), ("aarch64-linux", "opi01")] {
        let derivation = format!(
            r#"derivation {{ name = "where"; system = "{system}"; builder = "/bin/sh";
                args = [ "-c" "read -r name </proc/sys/kernel/hostname; echo $name >$out" ]; }}"#
        );
        let build = ["timeout", "60", "nix-build", "--max-jobs", "0", "--no-out-link", "-E", &derivation];
        let path = lab.on("eagle", &build).succeed();
        let built_on = lab.on("eagle", &["cat", path.trim()]).succeed();
        println!("let in: a Nix build for {system}, which ran on {}", built_on.trim());
        assert_eq!(built_on.trim(), host);
    }
}

fn other_commands_are_refused(lab: &Lab) {
    // Each leaves a trace where it is run by a shell.
    let commands = [
        ("a shell", "sh"),
        ("another command", "touch /tmp/trace-another"),
        ("`;`", "buildctl dial-stdio; touch /tmp/trace-semicolon"),
        ("`&`", "buildctl dial-stdio & touch /tmp/trace-and"),
        ("`|`", "buildctl dial-stdio | touch /tmp/trace-pipe"),
        ("`$( )`", "buildctl dial-stdio $(touch /tmp/trace-substitution)"),
        ("backquotes", "buildctl dial-stdio `touch /tmp/trace-backquotes`"),
        ("a second line", "buildctl dial-stdio\ntouch /tmp/trace-line"),
        ("a first line", "touch /tmp/trace-first\nbuildctl dial-stdio"),
        ("a redirection", "buildctl dial-stdio >/tmp/trace-redirection"),
        ("a blank in front", " buildctl dial-stdio"),
        ("another blank", "buildctl  dial-stdio"),
        ("another path", "/tools/buildctl dial-stdio"),
        ("another use of buildctl", "buildctl prune"),
        ("another socket", "buildctl --addr unix:///run/other.sock dial-stdio"),
        ("another daemon", "buildctl --addr tcp://192.0.2.12:1234 dial-stdio"),
        ("a command that no builder here needs", "docker system dial-stdio"),
        ("another use of Nix", "nix-store --delete /nix/store/x"),
        ("the end of options", "-- buildctl dial-stdio"),
        ("the variable itself", "SSH_ORIGINAL_COMMAND='buildctl dial-stdio' sh"),
    ];
    for (what, command) in commands {
        refused(what, &builder(lab, &["--", HOST, command]), 126, "buildfleet-ssh-dispatch: refused: ");
        control(lab, &["--", HOST, command]);
    }
    refused("no command", &builder(lab, &["-T", HOST]), 126, "(no command)");
    // What the dispatcher says does not get out of a subsystem.
    let sftp = builder(lab, &["-s", "--", HOST, "sftp"]);
    refused("a subsystem", &sftp, 126, "");
    assert_eq!(sftp.stdout, "");
    assert_eq!(control(lab, &["-s", "--", HOST, "sftp"]).code, Some(0));
    // A second client, whose key is for builds of images alone.
    let nix = ["timeout", "20", "ssh", "-l", "nix-builder", "--", "opi01.internal", "nix-daemon --stdio"];
    refused("Nix for a client without it", &lab.client(SER5, &nix), 126, "this key may not run nix");

    let traces = |owner: &str| {
        let find = ["find", "/tmp", "-name", "trace-*", "-user", owner];
        lab.on("ser5", &find).succeed().lines().count()
    };
    let (theirs, control) = (traces("nix-builder"), traces("control"));
    println!("traces on the host: {theirs} of the builder account, {control} of the control");
    assert_eq!(theirs, 0);
    assert_eq!(control, 9, "each command that leaves a trace left one in the control");
    // And what the refused were about is as it was.
    lab.client(EAGLE, &["buildctl", "--addr", "ssh://nix-builder@ser5.internal", "debug", "workers"])
        .succeed();
}

fn forwarding_and_terminals_are_refused(lab: &Lab) {
    // ssh -W and -L are the same request to sshd, made at once or when somebody connects.
    let direct = ["-W", "localhost:22", HOST];
    refused("-W", &builder(lab, &direct), 255, "administratively prohibited");
    assert!(control(lab, &direct).stdout.starts_with("SSH-2.0-"), "the control gets through");

    for (what, target, greeting) in [
        ("-L", "127.0.0.1:9000:localhost:22", "SSH-2.0-"),
        ("-L to a socket", "127.0.0.1:9000:/run/lab-greeter", "hello"),
        ("-L to another host", "127.0.0.1:9000:opi01.internal:22", "SSH-2.0-"),
    ] {
        let _greeter = what.contains("socket").then(|| greeter(lab));
        let tunnel = |ssh: &str| {
            let script = format!(
                "{ssh} -N -L {target} {HOST} & ssh=$!; n=0
                until exec 3<>/dev/tcp/127.0.0.1/9000; do sleep 0.1; n=$((n + 1)); [ $n -lt 50 ] || exit; done 2>/dev/null
                read -r -t 3 line <&3; echo \"got: $line\"; kill $ssh; wait $ssh"
            );
            lab.client(EAGLE, &["/bin/bash", "-c", &script])
        };
        let ran = tunnel("ssh -l nix-builder");
        println!("refused: {what}: {}, {}", ran.stdout.trim(), last_line(&ran));
        assert_eq!(ran.stdout, "got: \n", "{ran:?}");
        assert!(ran.stderr.contains("open failed: "), "{ran:?}");
        let ran = tunnel(&CONTROL.join(" "));
        assert!(ran.stdout.starts_with(&format!("got: {greeting}")), "the control gets through: {ran:?}");
    }

    for (what, target) in [
        ("-R", "9001:localhost:22"),
        ("-R of a socket", "/tmp/reverse.sock:localhost:22"),
        ("-R, any", "9002"),
    ] {
        let reverse = ["-o", "ExitOnForwardFailure=yes", "-N", "-R", target, HOST];
        refused(what, &builder(lab, &reverse), 255, "forwarding failed");
        let ran = lab.client(EAGLE, &[&["timeout", "2"], CONTROL, &reverse].concat());
        assert_eq!(ran.code, Some(124), "the control keeps it open: {ran:?}");
    }

    let terminal = ["-tt", "--", HOST, "buildctl dial-stdio"];
    refused("a terminal", &builder(lab, &terminal), 255, "PTY allocation request failed");
    let ran = control(lab, &["-tt", "--", HOST, "tty"]);
    assert!(ran.stdout.starts_with("/dev/pts/"), "the control gets one: {ran:?}");
}

/// A socket on ser5 that greets whoever connects, for as long as it is kept.
fn greeter(lab: &Lab) -> impl Drop {
    struct Greeter(std::process::Child);
    impl Drop for Greeter {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }
    let program = "use IO::Socket::UNIX; unlink '/run/lab-greeter';
        my $s = IO::Socket::UNIX->new(Local => '/run/lab-greeter', Listen => 1) or die; chmod 0666, '/run/lab-greeter';
        while (my $c = $s->accept) { print $c qq(hello\\n); close $c }";
    let mut command = script();
    command.arg(&lab.folder).args(["on", "ser5", "perl", "-e", program]);
    let greeter = Greeter(command.spawn().expect("bash"));
    while !lab.path("ser5", "/run/lab-greeter").exists() {
        sleep(Duration::from_millis(50));
    }
    greeter
}

fn a_session_brings_nothing_along(lab: &Lab) {
    // An agent, a display and variables are offered to a session that is allowed, and looked for on the host.
    let offer = "eval \"$(ssh-agent)\" >/dev/null; export DISPLAY=127.0.0.1:0
        sleep 3 | timeout 20 SSH -v -A -X -o XAuthLocation=/bin/true -o SetEnv='LAB_VARIABLE=1 BUILDKIT_HOST=tcp://192.0.2.12:1' \
            -- ser5.internal 'COMMAND'
        status=$?; kill $SSH_AGENT_PID; exit $status";
    let session = |ssh: &str, command: &str, account: &str, program: &str| {
        let offer = offer.replace("SSH -v", &format!("{ssh} -v")).replace("COMMAND", command);
        thread::scope(|scope| {
            let ssh = scope.spawn(|| lab.client(EAGLE, &["/bin/bash", "-c", &offer]));
            sleep(Duration::from_millis(1800));
            let pid = lab.on("ser5", &["pgrep", "-n", "-u", account, "-x", program]).succeed();
            let environment =
                fs::read(lab.path("ser5", &format!("/proc/{}/environ", pid.trim()))).expect("a process");
            let sockets = lab.on("ser5", &["find", "/tmp", "-name", "agent.*", "-user", account]).succeed();
            let ran = ssh.join().expect("it ends");
            assert_eq!(ran.code, Some(0), "{ran:?}");
            let environment = String::from_utf8_lossy(&environment).replace('\0', "\n");
            let names = ["SSH_AUTH_SOCK", "DISPLAY", "LAB_VARIABLE", "BUILDKIT_HOST", "SSH_TTY"];
            let found = |name: &&str| environment.lines().any(|line| line.starts_with(&format!("{name}=")));
            let found: Vec<_> = names.into_iter().filter(|name| found(name)).collect();
            (found, sockets.lines().count(), ran.stderr)
        })
    };

    let (found, sockets, said) =
        session("ssh -l nix-builder", "buildctl dial-stdio", "nix-builder", "buildctl");
    for request in ["Requesting authentication agent forwarding", "Requesting X11 forwarding"] {
        assert!(said.contains(request), "it was asked for:\n{said}");
    }
    println!("refused: agent, X11, variables: buildctl on the host has {found:?}, {sockets} agents");
    assert_eq!((found, sockets), (vec![], 0));
    assert!(said.contains("X11 forwarding request failed"), "{said}");

    // The control's sshd takes variables too.
    let take = "sed -i '1i AcceptEnv *' /etc/ssh/sshd_config";
    lab.on("ser5", &["sh", "-c", take]).succeed();
    lab.daemon("ser5", "sshd", "stop");
    lab.daemon("ser5", "sshd", "start");
    let (found, sockets, _) = session(&CONTROL.join(" "), "exec sleep 4", "control", "sleep");
    println!("the control's has {found:?}, {sockets} agents");
    assert_eq!(found, ["SSH_AUTH_SOCK", "DISPLAY", "LAB_VARIABLE", "BUILDKIT_HOST"]);
    assert_eq!(sockets, 1);
}

#[test]
#[ignore = "needs root and the conformance tools: conformance/setup"]
fn variables_that_sshd_accepts_run_nothing() {
    let lab = Lab::remote();
    lab.on("ser5", &["sed", "-i", "1i AcceptEnv *", "/etc/ssh/sshd_config"]).succeed();
    lab.daemon("ser5", "sshd", "stop");
    lab.daemon("ser5", "sshd", "start");
    let variables = [
        "BASH_ENV=$(touch /tmp/trace)",
        "ENV=$(touch /tmp/trace)",
        "BASH_FUNC_printf%%=() { touch /tmp/trace; }",
    ];
    let mut run = Vec::new();
    for variable in variables {
        let set = format!("SetEnv=\"{variable}\"");
        for command in ["sh", "buildctl dial-stdio"] {
            builder(&lab, &["-o", &set, "--", HOST, command]);
            let is_run = lab.on("ser5", &["rm", "/tmp/trace"]).is_success();
            println!("{variable} with `{command}`: {}", if is_run { "RUN ON THE HOST" } else { "not run" });
            run.extend(is_run.then(|| format!("{variable} with `{command}`")));
        }
    }
    assert_eq!(run, Vec::<String>::new(), "what a client put into a variable was run on the host");
}

#[test]
#[ignore = "needs root and the conformance tools: conformance/setup"]
fn only_listed_clients_and_pinned_hosts_are_trusted() {
    let lab = Lab::remote();
    let stranger = ["timeout", "20", "ssh", "-F", "none", "-i", "/lab/keys/stranger", "-o", "BatchMode=yes"];
    for account in ["nix-builder", "root", "control"] {
        let ran = lab.client(EAGLE, &[&stranger[..], &["-l", account, HOST, "buildctl dial-stdio"]].concat());
        refused(
            &format!("a client that is not listed, as {account}"),
            &ran,
            255,
            "Permission denied (publickey)",
        );
    }
    // A listed client's key opens the builder account alone.
    for account in ["root", "control"] {
        let key = "/var/lib/gitea-runner/.ssh/id_builder";
        let ssh = [
            "timeout",
            "20",
            "ssh",
            "-F",
            "none",
            "-i",
            key,
            "-o",
            "BatchMode=yes",
            "-l",
            account,
            HOST,
            "id",
        ];
        refused(
            &format!("a listed client, as {account}"),
            &lab.client(EAGLE, &ssh),
            255,
            "Permission denied",
        );
    }

    // A host key that is not the pinned one, and none. There is a terminal to ask at, and nobody is asked.
    let ask = "ssh -l nix-builder opi01.internal buildctl dial-stdio";
    let at_terminal = || {
        let ran = lab.client(EAGLE, &["timeout", "20", "/usr/bin/script", "-qec", ask, "/dev/null"]);
        assert!(!ran.stdout.contains("Are you sure"), "{ran:?}");
        assert!(ran.took() < Duration::from_secs(5), "it waits for somebody: {ran:?}");
        Ran { stderr: ran.stdout.clone(), ..ran }
    };
    lab.context("keys");
    lab.converge(EAGLE).succeed();
    let host_key = "/etc/ssh/ssh_host_ed25519_key";
    let renew = format!("mv {host_key} /root/pinned && ssh-keygen -q -t ed25519 -N '' -f {host_key}");
    lab.on("opi01", &["sh", "-c", &renew]).succeed();
    lab.daemon("opi01", "sshd", "stop");
    lab.daemon("opi01", "sshd", "start");
    refused(
        "a changed host key, at a terminal",
        &at_terminal(),
        255,
        "REMOTE HOST IDENTIFICATION HAS CHANGED",
    );
    refused(
        "a changed host key",
        &lab.client(EAGLE, &["/bin/sh", "-c", ask]),
        255,
        "Host key verification failed",
    );
    let converged = lab.converge(EAGLE);
    assert!(
        converged.stdout.contains("opi01 -> eagle (opi01 does not answer: Host key verification failed.")
    );
    lab.build(EAGLE, "linux/arm64", "keys", "changed").succeed_loudly();
    assert_whereabouts(&lab, "changed", "ser5: -; opi01: -; eagle: linux/arm64");

    lab.on("eagle", &["sed", "-i", "/^opi01/d", "/etc/ssh/ssh_known_hosts"]).succeed();
    refused("an unknown host key, at a terminal", &at_terminal(), 255, "Host key verification failed");
    refused(
        "an unknown host key",
        &lab.client(EAGLE, &["/bin/sh", "-c", ask]),
        255,
        "Host key verification failed",
    );
    let known = lab.path("eagle", "/var/lib/gitea-runner/.ssh/known_hosts");
    assert!(!known.exists(), "nothing was learnt");
}

const CONTROL: &[&str] = &[
    "timeout",
    "20",
    "ssh",
    "-F",
    "none",
    "-i",
    "/lab/keys/control",
    "-o",
    "BatchMode=yes",
    "-o",
    "UserKnownHostsFile=none",
    "-l",
    "control",
];

/// ssh with the client's own key, as its service runs it.
fn builder(lab: &Lab, arguments: &[&str]) -> Ran {
    lab.client(EAGLE, &[&["timeout", "20", "ssh", "-l", "nix-builder"], arguments].concat())
}

/// The same with a key that has no restrictions.
fn control(lab: &Lab, arguments: &[&str]) -> Ran {
    lab.client(EAGLE, &[CONTROL, arguments].concat())
}

#[track_caller]
fn refused(what: &str, ran: &Ran, code: i32, said: &str) {
    println!("refused: {what}: exit {:?}: {}", ran.code, last_line(ran));
    assert_eq!(ran.code, Some(code), "{what}: {ran:?}");
    assert!(ran.stderr.contains(said), "{what}: {ran:?}");
}

fn last_line(ran: &Ran) -> &str {
    ran.stderr.lines().last().unwrap_or_default().trim()
}
