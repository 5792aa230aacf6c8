/** Where to connect to. */
export interface Place {
  readonly host: string;
  readonly port: number;
}

/** Finds the place of a name and port. */
export type Places = (hostname: string, port: number) => Place;

/** The name itself, as the system finds it. */
export const REAL_PLACES: Places = (host, port) => ({ host, port });
