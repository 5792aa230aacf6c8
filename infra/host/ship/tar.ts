/** POSIX.1-1988 ustar: the name field holds 100 bytes; the prefix field beside it is not used. */
const NAME_BYTES = 100;
const BLOCK_BYTES = 512;

export interface TarEntry {
  /** Relative, with `/`. */
  readonly path: string;
  readonly content: Buffer;
  /** Permission bits, `0o644`. */
  readonly mode: number;
}

/**
 * A tar archive of regular files that depends on nothing but their paths, contents and modes: no owner, no time, in the
 * order given. Throws for a path that does not fit into the header.
 */
export function tar(entries: readonly TarEntry[]): Buffer {
  const blocks = entries.flatMap((entry) => {
    const rest = entry.content.length % BLOCK_BYTES;
    return [header(entry), entry.content, Buffer.alloc(rest === 0 ? 0 : BLOCK_BYTES - rest)];
  });
  return Buffer.concat([...blocks, Buffer.alloc(2 * BLOCK_BYTES)]);
}

function header({ path, content, mode }: TarEntry): Buffer {
  if (Buffer.byteLength(path) > NAME_BYTES)
    throw new Error(`${path} is longer than ${NAME_BYTES} bytes and does not fit into a tar header.`);
  const block = Buffer.alloc(BLOCK_BYTES);
  block.write(path, 0);
  block.write(octal(mode, 8), 100);
  block.write(octal(0, 8), 108); // uid
  block.write(octal(0, 8), 116); // gid
  block.write(octal(content.length, 12), 124);
  block.write(octal(0, 12), 136); // mtime
  block.write("0", 156); // a regular file
  block.write("ustar\u000000", 257);
  // The sum is taken with its own field as spaces.
  block.fill(" ", 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return block;
}

/** Digits and a closing NUL that fill the field. */
function octal(value: number, bytes: number): string {
  return `${value.toString(8).padStart(bytes - 1, "0")}\0`;
}
