import { TsbuildError } from './errors.ts';

/** What decides digests, as this tsbuild has it. A change of any of it for the same build is a new version. */
export const compatibilityVersion = 1;

/** By behaviour, what each version does. A version that is no longer here can no longer be asked for. */
export const compatibilityTable: Readonly<Record<string, Readonly<Record<number, string>>>> = {
  tar: {
    1: 'names bytewise in order, PAX records where ustar has no room, whiteouts before their siblings, no access or change times',
  },
  xattrs: { 1: 'security.capability and user.* alone' },
  gzip: { 1: 'own deflate, level 2, pieces of 1 MiB primed with 32 KiB, no name and no time' },
  zstd: { 1: 'libzstd 1.5.7, level 3, frames of 2 MiB that know their size, with checksums' },
  estargz: { 1: 'gzip as above, a member for each 4 MiB of a file, a landmark first, the table last' },
  'zstd:chunked': { 1: 'zstd as above, a frame for each 2 MiB of a file, tables in frames to skip' },
  'media types': { 1: 'OCI, of manifests, configs, indexes and layers' },
  'modes of git sources': { 1: '0755 for folders and executable files, 0644 else, whatever the umask' },
  json: { 1: 'members in order of their names, without blanks' },
};

/** Those of BuildKit stand for bytes of its own compressors. */
const ofBuildKit: ReadonlySet<string> = new Set(['10', '20', '30']);

/** The version that is asked for. Throws USAGE for those that cannot be kept to exactly. */
export function parseCompatibilityVersion(text: string): number {
  const known = Object.keys(Object.values(compatibilityTable)[0] ?? {});
  if (known.includes(text)) return Number(text);
  const isTheirs = ofBuildKit.has(text);
  throw new TsbuildError('USAGE', `there is no compatibility version ${JSON.stringify(text.slice(0, 40))}`, {
    hint: `${isTheirs ? 'that is one of BuildKit, whose bytes are not made here; ' : ''}there is ${known.join(', ')}: tsbuild version --verbose says what it means`,
  });
}
