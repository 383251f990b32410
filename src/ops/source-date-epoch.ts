/** SOURCE_DATE_EPOCH of the environment is a build arg unless one is given (O-50); empty, it is none. */
export function withEpoch(buildArgs: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const own = process.env[epochName] ?? '';
  return own === '' || buildArgs.has(epochName) ? buildArgs : new Map([...buildArgs, [epochName, own]]);
}

/** `context` is the time of the commit, or of the file, that the context is (O-51); a folder has none that is everywhere the same. */
export function contextEpoch(epoch: string | undefined, time: number | undefined): string | undefined {
  return epoch === 'context' && time !== undefined ? String(time) : epoch;
}

/** The build arg so, which a Dockerfile may declare. */
export function withContextTime(
  buildArgs: ReadonlyMap<string, string>,
  time: number | undefined,
): ReadonlyMap<string, string> {
  const epoch = contextEpoch(buildArgs.get(epochName), time);
  return epoch === undefined ? buildArgs : new Map([...buildArgs, [epochName, epoch]]);
}

export const epochName = 'SOURCE_DATE_EPOCH';
