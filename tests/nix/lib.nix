# A stand-in for nixpkgs' `lib`: as much of the module system as `nixos-module/` uses, so that
# rendered hosts evaluate with nothing but Nix. It has imports, option trees, `mkIf`, `mkMerge`,
# priorities, the types below with their checks and merges, and submodules. Names and results are
# those of nixpkgs; a name that is missing here fails, so nothing is passed over in silence.
#
# What it leaves out: module arguments other than those of `evalModules`, freeform modules, option
# renames, `apply`, `readOnly`, documentation, and good error messages.
let
  inherit (builtins)
    all
    attrNames
    concatMap
    elem
    elemAt
    filter
    foldl'
    functionArgs
    genList
    head
    isAttrs
    isBool
    isFunction
    isInt
    isList
    isPath
    isString
    length
    listToAttrs
    map
    mapAttrs
    match
    replaceStrings
    stringLength
    substring
    ;

  # --- lists, sets, strings ---------------------------------------------------------------------

  optional = condition: value: if condition then [ value ] else [ ];
  optionals = condition: values: if condition then values else [ ];
  nameValuePair = name: value: { inherit name value; };
  valuesOf = name: concatMap (set: optional (set ? ${name}) set.${name});
  unique = foldl' (seen: x: if elem x seen then seen else seen ++ [ x ]) [ ];
  hasPrefix = prefix: s: substring 0 (stringLength prefix) s == prefix;
  hasSuffix =
    suffix: s:
    let
      n = stringLength s - stringLength suffix;
    in
    n >= 0 && substring n (-1) s == suffix;
  escapeShellArg =
    value:
    let
      s = toString value;
    in
    if match "[[:alnum:],._+:@%/-]+" s != null then
      s
    else
      "'${replaceStrings [ "'" ] [ "'\\''" ] s}'";
  reverse = list: genList (i: elemAt list (length list - 1 - i)) (length list);
  showOption = builtins.concatStringsSep ".";

  # --- properties -------------------------------------------------------------------------------

  mkIf = condition: content: {
    _type = "if";
    inherit condition content;
  };
  mkMerge = contents: {
    _type = "merge";
    inherit contents;
  };
  mkOverride = priority: content: {
    _type = "override";
    inherit priority content;
  };
  mkOption = attrs: attrs // { _type = "option"; };
  isType = type: x: isAttrs x && x._type or null == type;

  priorityOfDefaults = 1500;
  priorityOfPlain = 100;

  # Moves properties of a set into its attributes, without looking at any condition: a condition may
  # depend on the very options that are being evaluated.
  pushDown =
    x:
    if isType "merge" x then
      concatMap pushDown x.contents
    else if isType "if" x then
      map (mapAttrs (_: mkIf x.condition)) (pushDown x.content)
    else if isType "override" x then
      map (mapAttrs (_: mkOverride x.priority)) (pushDown x.content)
    else
      [ x ];

  # The values that remain once conditions are known, each with its priority. What a priority holds
  # stays unseen, so that a default costs nothing, and may fail, where it does not count.
  discharge =
    x:
    if isType "merge" x then
      concatMap discharge x.contents
    else if isType "if" x then
      if x.condition then discharge x.content else [ ]
    else if isType "override" x then
      [
        {
          inherit (x) priority;
          value = x.content;
        }
      ]
    else
      [
        {
          priority = priorityOfPlain;
          value = x;
        }
      ];

  # Only definitions of the strongest priority count.
  strongest =
    definitions:
    let
      priority = foldl' (least: d: lib.min least d.priority) priorityOfDefaults definitions;
    in
    map (d: { inherit (d) value; }) (filter (d: d.priority == priority) definitions);

  mergeDefinitions =
    loc: type: raw:
    let
      definitions = strongest (concatMap discharge raw);
    in
    {
      isDefined = definitions != [ ];
      value =
        if all (d: type.check d.value) definitions then
          type.merge loc definitions
        else
          throw "a definition for option `${showOption loc}' is not of type `${type.description}'";
    };

  # --- types ------------------------------------------------------------------------------------

  conflict = loc: throw "the option `${showOption loc}' has conflicting definition values";

  mergeEqualOption =
    loc: definitions:
    let
      first = (head definitions).value;
    in
    if all (d: d.value == first) definitions then first else conflict loc;
  mergeOneOption =
    loc: definitions: if length definitions == 1 then (head definitions).value else conflict loc;

  mkOptionType =
    {
      name,
      description ? name,
      check ? _: true,
      merge ? mergeEqualOption,
    }:
    {
      inherit
        name
        description
        check
        merge
        ;
    };

  checked = name: check: mkOptionType { inherit name check; };

  types = rec {
    str = checked "string" isString;
    singleLineStr = checked "single-line string" (x: isString x && match "[^\n\r]*" x != null);
    strMatching =
      pattern:
      checked "string matching the pattern ${pattern}" (x: isString x && match pattern x != null);
    lines = mkOptionType {
      name = "lines";
      check = isString;
      merge = _: definitions: builtins.concatStringsSep "\n" (map (d: d.value) definitions);
    };
    bool = checked "boolean" isBool;
    int = checked "signed integer" isInt;
    ints.positive = checked "positive integer" (x: isInt x && x > 0);
    port = checked "16 bit unsigned integer" (x: isInt x && x >= 0 && x <= 65535);
    path = checked "absolute path" (
      x: isPath x || (isString x || isAttrs x && x ? outPath) && hasPrefix "/" "${x}"
    );
    package = mkOptionType {
      name = "package";
      check = x: isAttrs x && x.type or null == "derivation";
      merge = mergeOneOption;
    };
    unspecified = mkOptionType {
      name = "unspecified value";
      merge = mergeOneOption;
    };
    enum = values: checked "one of ${builtins.toJSON values}" (x: elem x values);
    nullOr =
      type:
      mkOptionType {
        name = "null or ${type.description}";
        check = x: x == null || type.check x;
        merge =
          loc: definitions:
          let
            nulls = filter (d: d.value == null) definitions;
          in
          if nulls == [ ] then
            type.merge loc definitions
          else if length nulls == length definitions then
            null
          else
            conflict loc;
      }
      // {
        # For `options.nix`, which lists what is below.
        elemType = type;
        at = [ ];
      };
    oneOf =
      choices:
      mkOptionType {
        name = "one of ${builtins.concatStringsSep ", " (map (t: t.description) choices)}";
        check = x: lib.any (t: t.check x) choices;
        merge =
          loc: definitions:
          let
            fitting = filter (t: all (d: t.check d.value) definitions) choices;
          in
          if fitting == [ ] then conflict loc else (head fitting).merge loc definitions;
      };
    listOf =
      type:
      mkOptionType {
        name = "list of ${type.description}";
        check = isList;
        merge =
          loc: definitions:
          let
            merged = map (x: mergeDefinitions (loc ++ [ "*" ]) type [ x ]) (
              concatMap (d: d.value) definitions
            );
          in
          map (m: m.value) (filter (m: m.isDefined) merged);
      }
      // {
        # For `options.nix`, which lists what is below.
        elemType = type;
        at = [ "_" ];
      };
    nonEmptyListOf =
      type:
      listOf type
      // {
        description = "non-empty list of ${type.description}";
        check = x: isList x && x != [ ];
      };
    attrsOf =
      type:
      mkOptionType {
        name = "attribute set of ${type.description}";
        check = isAttrs;
        merge =
          loc: definitions:
          let
            sets = concatMap (d: pushDown d.value) definitions;
            merged = lib.genAttrs (unique (concatMap attrNames sets)) (
              name: mergeDefinitions (loc ++ [ name ]) type (valuesOf name sets)
            );
          in
          mapAttrs (_: m: m.value) (lib.filterAttrs (_: m: m.isDefined) merged);
      }
      // {
        # For `options.nix`, which lists what is below.
        elemType = type;
        at = [ "_name_" ];
      };
    submodule =
      module:
      mkOptionType {
        name = "submodule";
        check = isAttrs;
        merge =
          loc: definitions:
          (evalModules {
            prefix = loc;
            modules = [ module ] ++ map (d: { config = d.value; }) definitions;
            specialArgs.name = lib.last loc;
          }).config;
      }
      // {
        inherit module;
      };
  };

  # --- modules ----------------------------------------------------------------------------------

  # All modules reachable through `imports`, each file once, level by level and last first: the
  # order in which nixpkgs merges lists.
  collect =
    args: modules:
    let
      load =
        parent: i: module:
        let
          isFile = isPath module || isString module;
          loaded = if isFile then import module else module;
          wanted = functionArgs loaded;
          called =
            if isFunction loaded then
              loaded (if wanted == { } then args else builtins.intersectAttrs wanted args)
            else
              loaded;
        in
        {
          key = if isFile then toString module else "${parent}:${toString i}";
          imports = called.imports or [ ];
          options = called.options or { };
          config =
            called.config or (if called ? options then { } else removeAttrs called [ "imports" ]);
        };
      loadAll = parent: ms: genList (i: load parent i (elemAt ms i)) (length ms);
    in
    reverse (
      builtins.genericClosure {
        startSet = loadAll "" modules;
        operator = m: loadAll m.key m.imports;
      }
    );

  # Option trees are disjoint at their leaves.
  mergeTrees =
    loc: trees:
    if lib.any (isType "option") trees then
      if length trees == 1 then
        head trees
      else
        throw "the option `${showOption loc}' is already declared"
    else
      lib.genAttrs (unique (concatMap attrNames trees)) (
        name: mergeTrees (loc ++ [ name ]) (valuesOf name trees)
      );

  # The value of every option of `tree`, from the sets and properties in `raw`.
  evalTree =
    loc: tree: raw:
    if isType "option" tree then
      let
        default = optional (tree ? default) (mkOverride priorityOfDefaults tree.default);
        merged = mergeDefinitions loc (tree.type or types.unspecified) (default ++ raw);
      in
      if merged.isDefined then
        merged.value
      else
        throw "the option `${showOption loc}' is used but not defined"
    else
      let
        sets = concatMap pushDown raw;
        unknown = filter (name: !(tree ? ${name})) (concatMap attrNames sets);
      in
      if unknown != [ ] then
        throw "the option `${showOption (loc ++ [ (head unknown) ])}' does not exist"
      else
        mapAttrs (
          name: subtree:
          evalTree (loc ++ [ name ]) subtree (valuesOf name sets)
        ) tree;

  evalModules =
    {
      modules,
      specialArgs ? { },
      prefix ? [ ],
    }:
    let
      args = specialArgs // {
        inherit lib config options;
      };
      collected = collect args modules;
      options = mergeTrees prefix (map (m: m.options) collected);
      config = evalTree prefix options (map (m: m.config) collected);
    in
    {
      inherit config options;
    };

  lib = {
    inherit (builtins)
      all
      any
      attrNames
      attrValues
      concatMap
      concatStringsSep
      elem
      filter
      foldl'
      groupBy
      head
      length
      listToAttrs
      replaceStrings
      toJSON
      ;
    inherit
      escapeShellArg
      evalModules
      hasPrefix
      hasSuffix
      mergeEqualOption
      mkIf
      mkMerge
      mkOption
      mkOptionType
      mkOverride
      nameValuePair
      optional
      optionals
      types
      unique
      ;

    concatLines = lines: builtins.concatStringsSep "\n" (lines ++ [ "" ]);
    concatStrings = builtins.concatStringsSep "";
    escapeRegex =
      let
        special = filter (c: c != "" && !isList c) (builtins.split "" "\\[{()^$?*+|.");
      in
      replaceStrings special (map (c: "\\${c}") special);
    escapeShellArgs = args: builtins.concatStringsSep " " (map escapeShellArg args);
    filterAttrs =
      keep: set:
      let
        names = filter (name: keep name set.${name}) (attrNames set);
      in
      lib.genAttrs names (name: set.${name});
    genAttrs = names: value: listToAttrs (map (name: nameValuePair name (value name)) names);
    imap1 = f: list: genList (i: f (i + 1) (elemAt list i)) (length list);
    isDerivation = x: isAttrs x && x.type or null == "derivation";
    last = list: elemAt list (length list - 1);
    literalExpression = text: { inherit text; };
    literalMD = text: { inherit text; };
    mapAttrs = mapAttrs;
    mapAttrs' = f: set: listToAttrs (map (name: f name set.${name}) (attrNames set));
    mapAttrsToList = f: set: map (name: f name set.${name}) (attrNames set);
    max = a: b: if a > b then a else b;
    min = a: b: if a < b then a else b;
    mkDefault = mkOverride 1000;
    mkEnableOption =
      name:
      mkOption {
        type = types.bool;
        default = false;
        description = "Whether to enable ${name}.";
      };
    mkForce = mkOverride 50;
    optionalAttrs = condition: set: if condition then set else { };
    optionalString = condition: s: if condition then s else "";
    removePrefix =
      prefix: s: if hasPrefix prefix s then substring (stringLength prefix) (-1) s else s;
    removeSuffix =
      suffix: s:
      if hasSuffix suffix s then substring 0 (stringLength s - stringLength suffix) s else s;
    splitString = separator: s: filter isString (builtins.split (lib.escapeRegex separator) s);
    take = n: list: genList (elemAt list) (lib.min n (length list));
    toList = x: if isList x then x else [ x ];
  };
in
lib
