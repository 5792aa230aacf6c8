/** Makes a value when it is asked for the first time, and only once. */
export function lazily<T>(make: () => T): () => T {
  let value: { readonly made: T } | undefined;
  return () => (value ??= { made: make() }).made;
}
