/** SOURCE_DATE_EPOCH of the environment is a build arg unless one is given (O-50); empty, it is none. */
export function withEpoch(buildArgs: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const own = process.env[epochName] ?? '';
  return own === '' || buildArgs.has(epochName) ? buildArgs : new Map([...buildArgs, [epochName, own]]);
}

export const epochName = 'SOURCE_DATE_EPOCH';
