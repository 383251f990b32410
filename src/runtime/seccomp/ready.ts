/**
 * Programs of default profiles as base64, by machine and name of the profile (see `defaultProfileName`). None in the
 * sources: scripts/build-bundle.mjs puts the usual ones here, since compiling one takes a tenth of a container's start.
 */
export const readyPrograms: ReadonlyMap<string, string> = new Map();
