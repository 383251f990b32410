import type { RootDir } from '../../sys/rootdir.ts';
import { plainText, readImageFile } from './read.ts';

/** The distribution that an image says it is: os-release(5). */
export interface Distribution {
  /** `debian`, `alpine`; lower case. */
  readonly id: string;
  readonly version?: string | undefined;
  /** For people. */
  readonly name: string;
}

const maxBytes = 64 * 1024;

export function distributionOf(root: RootDir): Distribution | undefined {
  const bytes =
    readImageFile(root, 'etc/os-release', maxBytes) ?? readImageFile(root, 'usr/lib/os-release', maxBytes);
  const fields = new Map(
    (bytes?.toString('utf8') ?? '').split('\n').flatMap((line) => {
      const [, key, quoted = ''] = /^([A-Z_]+)=(.*)$/.exec(line.trim()) ?? [];
      const value = plainText(quoted.replace(/^(["'])(.*)\1$/, '$2'));
      return key === undefined || value === undefined ? [] : [[key, value] as const];
    }),
  );
  const id = fields.get('ID');
  if (id === undefined || !/^[a-z0-9._-]+$/.test(id)) return undefined;
  return { id, version: fields.get('VERSION_ID'), name: fields.get('PRETTY_NAME') ?? id };
}
