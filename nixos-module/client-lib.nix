# What the client's modules derive from its settings.
{ config, lib }:
let
  fleet = config.services.buildfleet;
  cfg = fleet.client;
  inherit (cfg) identity;
in
rec {
  static = !cfg.dynamicUser;

  # --- the builders and their nodes -------------------------------------------------------------

  builders = lib.filterAttrs (name: _: fleet.builders ? ${name}) cfg.builders;
  builderNames = lib.attrNames builders;
  # Those whose nodes are chosen by probing, and those that one file describes.
  converging = lib.attrNames (lib.filterAttrs (_: b: b.converge) builders);
  declarative = lib.attrNames (lib.filterAttrs (_: b: !b.converge) builders);

  isLocal = node: node.host == fleet.host;
  nodesOf = name: fleet.builders.${name}.nodes;
  nodes = lib.concatMap nodesOf builderNames;
  usesDocker = name: fleet.builders.${name}.driver == "docker-container";
  hasLocalNode = name: lib.any isLocal (nodesOf name);

  # Those that are logged in to, to build images or to build with Nix. One per host, which may be a
  # node of several builders.
  onePerHost = nodes: map lib.head (lib.attrValues (lib.groupBy (n: n.host) nodes));
  otherNodes = lib.filter (n: !isLocal n) nodes;
  sshNodes = onePerHost (lib.filter (n: n.transport == "ssh") otherNodes);
  nixNodes = onePerHost (lib.filter (n: n.nix != null) otherNodes);

  # --- names and escapes ------------------------------------------------------------------------

  convergeName = builder: "buildfleet-converge-${builder}";
  convergeService = builder: "${convergeName builder}.service";

  # `%` starts a specifier in systemd's values and a token in ssh_config.
  escapePercent = builtins.replaceStrings [ "%" ] [ "%%" ];

  # --- the identity -----------------------------------------------------------------------------

  fromSops = identity != null && identity.sops != null;
  fromCopy = identity != null && identity.copyFrom != null;

  # Where root finds the private key.
  identitySource =
    if fromSops then
      # Without the option an assertion says so.
      config.sops.secrets.${identity.sops.secret}.path or "/run/secrets/${identity.sops.secret}"
    else if fromCopy then
      identity.copyFrom
    else
      identity.path;

  # A dynamic user gets the key under this name in each of its units.
  credential = "builder-key";
  credentialUnits = cfg.units ++ map convergeService converging;

  # --- a static user's files --------------------------------------------------------------------

  # tmpfiles settings for the directories from below the home down to `path`; systemd-tmpfiles would
  # make missing parents as root's.
  directoriesTo =
    path:
    let
      parts = lib.splitString "/" (lib.removePrefix "${cfg.home}/" path);
      directory = n: "${cfg.home}/${lib.concatStringsSep "/" (lib.take n parts)}";
    in
    lib.optionalAttrs (lib.hasPrefix "${cfg.home}/" path) (
      lib.listToAttrs (
        lib.imap1 (
          n: _:
          lib.nameValuePair (escapePercent (directory n)) {
            d = {
              mode = "0700";
              inherit (cfg) user group;
            };
          }
        ) parts
      )
    );
}
