import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

const ZONE_ID = "0123456789abcdef0123456789abcdef";

export interface DnsApi {
  readonly url: string;
  /** Contents of the TXT records under a name that are there now. */
  readonly texts: (name: string) => readonly string[];
  /** `POST TXT name`, in their order; refused ones too. */
  readonly requests: readonly string[];
  readonly close: () => Promise<void>;
}

interface TxtRecord {
  readonly id: string;
  readonly name: string;
  readonly content: string;
}

/**
 * As much of Cloudflare's API as it takes to write a TXT record: the zone is found by its name, records are made and
 * deleted in it, by this token only.
 */
export async function dnsApi(zone: string, token: string): Promise<DnsApi> {
  const records: TxtRecord[] = [];
  const requests: string[] = [];

  const server = createServer((request, response) => {
    void text(request).then((body) => {
      const url = new URL(request.url ?? "/", "http://127.0.0.1");
      const isAllowed = request.headers.authorization === `Bearer ${token}`;
      const result = isAllowed ? act(request.method ?? "", url, body) : undefined;
      const status = isAllowed ? (result === undefined ? 400 : 200) : 403;
      const errors = status === 200 ? [] : [{ code: status === 403 ? 9109 : 1004, message: "refused" }];
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify({ success: status === 200, errors, messages: [], result: result ?? null }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    texts: (name) => records.filter((record) => record.name === name).map(({ content }) => content),
    requests,
    close: () => new Promise<void>((resolve) => server.close(() => resolve()).closeAllConnections()),
  };

  function act(method: string, url: URL, body: string): unknown {
    if (method === "GET" && url.pathname === "/zones")
      return url.searchParams.get("name") === zone ? [{ id: ZONE_ID, name: zone }] : [];
    const folder = `/zones/${ZONE_ID}/dns_records`;
    if (method === "POST" && url.pathname === folder) return add(JSON.parse(body) as Record<string, unknown>);
    const index = records.findIndex(({ id }) => url.pathname === `${folder}/${id}`);
    if (method !== "DELETE" || index < 0) return undefined;
    const [removed] = records.splice(index, 1);
    requests.push(`DELETE TXT ${removed?.name ?? ""}`);
    return { id: removed?.id };
  }

  function add({ type, name, content }: Record<string, unknown>): unknown {
    requests.push(`POST ${String(type)} ${String(name)}`);
    if (type !== "TXT" || typeof name !== "string" || typeof content !== "string") return undefined;
    // The API takes the text quoted, as a zone file has it.
    const record = { id: String(requests.length), name, content: content.replace(/^"(.*)"$/, "$1") };
    records.push(record);
    return { ...record, type };
  }
}
