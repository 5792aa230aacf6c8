import { visible } from "../infra/settings/visible";

/** Text for a page, in content or in a quoted attribute: nothing in it is markup, and nothing in it is hidden. */
export function html(text: string): string {
  return visible(text).replace(/[&<>"'`]/g, (character) =>
    character === "&" ? "&amp;" : `&#${character.charCodeAt(0)};`,
  );
}
