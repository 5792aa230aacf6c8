import { request } from "node:https";

import { Unreachable, type Web, type WebAnswer } from "../context";
import type { NetOptions } from "./net";

const TIME_MS = 3_500;
/** Policies and configurations are small. */
const MOST_BYTES = 64 * 1024;

/** HTTPS of somebody on the internet: no cookies, no redirects, certificates checked. */
export class WebClient implements Web {
  readonly #options: NetOptions;
  readonly #asked = new Map<string, Promise<WebAnswer>>();

  constructor(options: NetOptions) {
    this.#options = options;
  }

  get(url: string, headers: Readonly<Record<string, string>> = {}): Promise<WebAnswer> {
    const key = JSON.stringify([url, headers]);
    const known = this.#asked.get(key) ?? this.#get(new URL(url), headers);
    this.#asked.set(key, known);
    return known;
  }

  async #get(url: URL, headers: Readonly<Record<string, string>>): Promise<WebAnswer> {
    const { places, ca } = this.#options;
    const { hostname, pathname, search } = url;
    const place = await places(hostname, Number(url.port || 443));
    return await new Promise((resolve, reject) => {
      const asked = request(
        {
          ...place,
          servername: hostname,
          path: `${pathname}${search}`,
          headers: { host: url.host, "user-agent": "mail-stack doctor", ...headers },
          agent: false,
          signal: AbortSignal.timeout(TIME_MS),
          ...(ca === undefined ? {} : { ca }),
        },
        (response) => {
          const parts: Buffer[] = [];
          let size = 0;
          response.on("data", (part: Buffer) => {
            size += part.length;
            if (size > MOST_BYTES) response.destroy(new Error("its answer is too long"));
            else parts.push(part);
          });
          response.on("error", fail);
          response.on("end", () =>
            resolve({
              status: response.statusCode ?? 0,
              headers: Object.fromEntries(
                Object.entries(response.headers).map(([name, value]) => [name, [value ?? ""].flat().join(", ")]),
              ),
              body: Buffer.concat(parts).toString("utf8"),
            }),
          );
        },
      );
      const fail = ({ message }: Error) => reject(new Unreachable(`${url.href} gives no answer: ${message}`));
      asked.on("error", fail).end();
    });
  }
}
