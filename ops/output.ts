/** A command's whole result. */
export interface Output {
  readonly code: 0 | 1 | 2;
  readonly stdout?: string;
  readonly stderr?: string;
}

/** Prints it, and lets the process end with its code. */
export function finish({
  code,
  stdout,
  stderr,
}: {
  readonly code: number;
  readonly stdout?: string;
  readonly stderr?: string;
}): void {
  if (stdout !== undefined) process.stdout.write(stdout);
  if (stderr !== undefined) process.stderr.write(stderr);
  process.exitCode = code;
}
