import { visible } from "../infra/settings/visible";

/** Text for a page, in content or in a quoted attribute: it contains no markup and no hidden characters. */
export function html(text: string): string {
  return visible(text).replace(/[&<>"'`]/g, (character) =>
    character === "&" ? "&amp;" : `&#${character.charCodeAt(0)};`,
  );
}
