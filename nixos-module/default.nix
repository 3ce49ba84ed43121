# What every host of a fleet shares: its own name, the builders that concern it, and the pinned host
# keys. The rendered host folder sets `services.buildfleet`; the three other modules act on it.
{ config, lib, ... }:
let
  inherit (lib) mkOption types;

  cfg = config.services.buildfleet;

  nixMachine = types.submodule {
    options = {
      systems = mkOption {
        type = types.nonEmptyListOf types.str;
        example = [ "aarch64-linux" ];
        description = "Nix systems that the node builds for.";
      };
      maxJobs = mkOption {
        type = types.ints.positive;
        default = 1;
        description = "Derivations that the node builds at the same time.";
      };
      speedFactor = mkOption {
        type = types.ints.positive;
        default = 1;
        description = "Nix prefers the machine with the higher factor; a whole number.";
      };
      supportedFeatures = mkOption {
        type = types.listOf types.str;
        default = [ ];
        example = [ "big-parallel" ];
        description = "Features that a derivation may require of the node.";
      };
      mandatoryFeatures = mkOption {
        type = types.listOf types.str;
        default = [ ];
        description = "Features that a derivation must require to be built on the node.";
      };
      publicHostKey = mkOption {
        type = types.nullOr types.str;
        default = null;
        description = ''
          Base64 of the node's whole public host key line (algorithm, blank, key), as
          `base64 -w0 ssh_host_ed25519_key.pub` prints it.
        '';
      };
    };
  };

  node = types.submodule {
    options = {
      host = mkOption {
        type = types.str;
        example = "ser5";
        description = "Name of the host that the node runs on.";
      };
      address = mkOption {
        type = types.str;
        example = "ser5.internal";
        description = "Name or address that clients connect to.";
      };
      port = mkOption {
        type = types.port;
        default = 22;
        description = "Port of the node's sshd.";
      };
      transport = mkOption {
        type = types.enum [
          "ssh"
          "tcp"
        ];
        default = "ssh";
        description = ''
          How clients on other hosts reach the node's BuildKit. Nix builds always come over SSH.
        '';
      };
      hostKeys = mkOption {
        type = types.listOf types.singleLineStr;
        default = [ ];
        example = [ "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI…" ];
        description = "Host keys of the node, each as algorithm and base64, without a comment.";
      };
      containerConfig = mkOption {
        type = types.nullOr types.path;
        default = null;
        description = "`buildkitd.toml` that a `docker-container` client hands to the node.";
      };
      containerFiles = mkOption {
        type = types.nullOr types.path;
        default = null;
        description = ''
          Table of the files that travel with {option}`containerConfig`: path below
          `/etc/buildkit`, a tab, absolute path on the client.
        '';
      };
      nix = mkOption {
        type = types.nullOr nixMachine;
        default = null;
        description = "The node as a Nix build machine; `null` when it is none.";
      };
    };
  };

  client = types.submodule {
    options = {
      host = mkOption {
        type = types.str;
        example = "eagle";
        description = "Name of the host that builds are started on.";
      };
      publicKey = mkOption {
        type = types.nullOr types.singleLineStr;
        default = null;
        example = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI… eagle-builder";
        description = "Public half of the client's identity; `null` when it needs none.";
      };
      nix = mkOption {
        type = types.bool;
        default = false;
        description = "Whether the client also sends Nix builds to the builder's nodes.";
      };
    };
  };

  builder = types.submodule {
    options = {
      driver = mkOption {
        type = types.enum [
          "remote"
          "docker-container"
        ];
        description = ''
          buildx driver: `remote` talks to each host's own buildkitd, `docker-container` to a
          buildkitd that buildx starts in the host's Docker.
        '';
      };
      nodesFile = mkOption {
        type = types.path;
        description = "Table of the nodes for `buildx-converge`, in order of preference.";
      };
      nodes = mkOption {
        type = types.listOf node;
        default = [ ];
        description = "Nodes of the builder, in order of preference.";
      };
      clients = mkOption {
        type = types.listOf client;
        default = [ ];
        description = "Clients that may use the builder.";
      };
    };
  };

  # Those that clients log in to: to build images, or to build with Nix.
  sshNodes = lib.filter (n: n.transport == "ssh" || n.nix != null) (
    lib.concatMap (b: b.nodes) (lib.attrValues cfg.builders)
  );

  # One entry per key, as `knownHosts` holds a single key each; a port is part of the name that
  # ssh looks up.
  knownHosts =
    n:
    lib.imap1 (i: key: {
      name = "buildfleet-${n.host}-${toString i}";
      value = {
        hostNames = [
          (if n.port == 22 then n.address else "[${n.address}]:${toString n.port}")
        ];
        publicKey = key;
      };
    }) n.hostKeys;
in
{
  imports = [
    ./buildkitd.nix
    ./builder.nix
    ./client.nix
  ];

  options.services.buildfleet = {
    host = mkOption {
      type = types.strMatching "[A-Za-z][A-Za-z0-9-]*";
      example = "eagle";
      description = "Name of this host in the inventory.";
    };
    builders = mkOption {
      type = types.attrsOf builder;
      default = { };
      example = lib.literalExpression "{ avalanche = import ../../builders/avalanche; }";
      description = "The builders that this host is a node or a client of, by name.";
    };
  };

  config.programs.ssh.knownHosts = lib.listToAttrs (lib.concatMap knownHosts sshNodes);
}
