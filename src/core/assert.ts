/** Ends an exhaustive switch: a value of a new kind does not compile, and at run time is a programmer's mistake. */
export function assertNever(value: never): never {
  throw new Error(`unexpected value: ${JSON.stringify(value)}`);
}
