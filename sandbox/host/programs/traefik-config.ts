import { isProps, listAt, type Props, textAt, textsAt } from "../../cloud/props";

/** What Traefik makes of its install and its dynamic configuration, as far as HTTP is concerned. */
export interface TraefikConfig {
  /** `address:port` by name. */
  readonly entryPoints: Readonly<Record<string, string>>;
  readonly routers: readonly Router[];
  /** By name. */
  readonly middlewares: Readonly<Record<string, Props>>;
  /** URL of the one server, by service. */
  readonly services: Readonly<Record<string, string>>;
  /** Names of plugins that are installed. */
  readonly plugins: readonly string[];
  readonly pingEntryPoint: string | undefined;
}

export interface Router {
  readonly name: string;
  readonly entryPoints: readonly string[];
  readonly rule: string;
  readonly isTls: boolean;
  readonly middlewares: readonly string[];
  readonly service: string;
}

/** @param fixed the file that is read at the start @param dynamic the files of the watched folder */
export function traefikConfig(fixed: Props, dynamic: readonly Props[]): TraefikConfig {
  const entryPoints = Object.entries(propsAt(fixed, "entryPoints"));
  const ping = fixed["ping"];
  const all = (section: string) =>
    Object.assign({}, ...dynamic.map((file) => propsAt(propsAt(file, "http"), section))) as Props;
  return {
    entryPoints: Object.fromEntries(
      entryPoints.map(([name, point]) => [name, textAt(asProps(point), "address") ?? ""]),
    ),
    routers: Object.entries(all("routers")).map(([name, router]) => readRouter(name, asProps(router), entryPoints)),
    middlewares: Object.fromEntries(Object.entries(all("middlewares")).map(([name, item]) => [name, asProps(item)])),
    services: Object.fromEntries(
      Object.entries(all("services")).map(([name, item]) => [
        name,
        textAt(listAt(asProps(item), "loadBalancer.servers")[0] ?? {}, "url") ?? "",
      ]),
    ),
    plugins: Object.keys(propsAt(propsAt(fixed, "experimental"), "localPlugins")),
    pingEntryPoint: isProps(ping) ? (textAt(ping, "entryPoint") ?? "traefik") : undefined,
  };
}

function readRouter(name: string, router: Props, entryPoints: readonly (readonly [string, unknown])[]): Router {
  const own = textsAt(router, "entryPoints");
  const byDefault = entryPoints.filter(([, point]) => asProps(point)["asDefault"] === true);
  return {
    name,
    // Without entry points a router is on all, or on those that are the default.
    entryPoints: own.length > 0 ? own : (byDefault.length > 0 ? byDefault : entryPoints).map(([point]) => point),
    rule: textAt(router, "rule") ?? "",
    isTls: router["tls"] !== undefined,
    middlewares: textsAt(router, "middlewares"),
    service: textAt(router, "service") ?? "",
  };
}

/**
 * Whether a rule of Traefik's (v3 syntax) matches: Host, Path, PathPrefix and Header with `&&`, `||`, `!` and brackets.
 *
 * @param host without port, lower case @param path without query @param headerOf a header's value, by its name in lower case
 * @throws Error for a matcher that is not known: no rule is guessed at
 */
export function ruleMatches(
  rule: string,
  host: string,
  path: string,
  headerOf: (name: string) => string | undefined = () => undefined,
): boolean {
  const tokens = rule.match(/&&|\|\||!|\(|\)|[A-Za-z]+\(`[^`]*`(?:, `[^`]*`)?\)|\S+/g) ?? [];
  let at = 0;
  const any = (): boolean => {
    let result = all();
    while (tokens[at] === "||") {
      at += 1;
      result = all() || result;
    }
    return result;
  };
  const all = (): boolean => {
    let result = one();
    while (tokens[at] === "&&") {
      at += 1;
      result = one() && result;
    }
    return result;
  };
  const one = (): boolean => {
    const token = tokens[at++] ?? "";
    if (token === "!") return !one();
    if (token === "(") {
      const result = any();
      if (tokens[at++] !== ")") throw new Error(`the rule ${rule} lacks a bracket`);
      return result;
    }
    const [, matcher, value = "", wanted] = /^([A-Za-z]+)\(`([^`]*)`(?:, `([^`]*)`)?\)$/.exec(token) ?? [];
    switch (wanted === undefined ? matcher : `${matcher ?? ""} of two`) {
      case "Header of two":
        return headerOf(value.toLowerCase()) === wanted;
      case "Host":
        return host === value.toLowerCase();
      case "Path":
        return path === value;
      case "PathPrefix":
        return path.startsWith(value);
      default:
        throw new Error(`the sandbox's Traefik does not know ${token} in the rule ${rule}`);
    }
  };
  const result = any();
  if (at < tokens.length) throw new Error(`the rule ${rule} goes on after its end`);
  return result;
}

function propsAt(props: Props, key: string): Props {
  return asProps(props[key]);
}

function asProps(value: unknown): Props {
  return isProps(value) ? value : {};
}
