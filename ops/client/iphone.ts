import { profileUrl, renderProfile } from "../../worker/src/apple-profile";
import type { Answer } from "./answer";
import { providerOf } from "./provider";
import { terminalQr } from "./qr";
import { signed, type Signer } from "./sign";
import type { ClientSettings } from "./settings";

/**
 * The profile and the way to it; undefined when the stack offers nothing that a profile can describe.
 *
 * @throws SigningError
 */
export async function iphoneAnswer(
  settings: ClientSettings,
  address: string,
  { signer, isLight }: { readonly signer: Signer | undefined; readonly isLight: boolean },
): Promise<Answer | undefined> {
  const profile = await renderProfile(providerOf(settings), address);
  if (profile === undefined) return undefined;
  const name = `${address}.mobileconfig`;
  const url = profileUrl(settings.domain, address);
  const text = [
    `iPhone, iPad, Mac: profile for ${address}`,
    "",
    terminalQr(url, isLight),
    url,
    "",
    "Open it with the camera, then Settings, Profile Downloaded, Install. The device",
    "asks for the mail account's password; the profile holds none.",
    ...tailnetLines(settings),
    signer
      ? "The file is signed. What the address above serves is not: a key is not in it."
      : "The device calls the profile unsigned. To sign the file: --sign-key, --sign-cert.",
    "",
  ].join("\n");
  return {
    files: [{ name, content: signer ? signed(profile, signer) : profile }],
    text,
    json: { url, signed: signer !== undefined },
  };
}

function tailnetLines({ tailnet, services, hostnames, hostStack }: ClientSettings): readonly string[] {
  if (!services.includes("imaps")) return [];
  return tailnet
    ? ["Mail itself needs Tailscale, connected (docs/phone.md)."]
    : [
        `The stack${hostStack === undefined ? "" : ` ${hostStack}`} has no tailnet: nothing answers at ${hostnames.clients}:993 outside.`,
        "Until `mail:tailnet` is set (docs/phone.md), only calendars and contacts work.",
      ];
}
