import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { build, type BuildOptions } from '../../src/build.ts';
import type { BuildEvent } from '../../src/core/index.ts';
import { runOk } from './run-command.ts';
import { stepEvents } from './step-events.ts';
import { tempFolder } from './temp-folder.ts';
import { treeOfFolder, type TreeEntry } from './tree.ts';

export interface Built {
  readonly id: string;
  /** Steps that ran, and steps that the cache answered, by name. */
  readonly ran: readonly string[];
  readonly cached: readonly string[];
  /** Digests, bottom first. */
  readonly layers: readonly string[];
  readonly output: string;
  readonly warnings: readonly string[];
  /** The files of the image, unpacked by GNU tar: for images whose layers remove nothing. */
  tree(): Promise<TreeEntry[]>;
}

/** Builds in this process, with a store of its own unless told. */
export async function built(
  options: Omit<BuildOptions, 'root'> & { readonly root?: string | undefined },
): Promise<Built> {
  const root = options.root ?? tempFolder('root').path;
  const events: BuildEvent[] = [];
  const { image } = await build({ ...options, root, emit: (event) => events.push(event) });
  const told = stepEvents(events);
  const named = (verb: string): string[] =>
    told.filter((line) => line.startsWith(`${verb} `)).map((line) => line.slice(verb.length + 1));
  return {
    id: image.id,
    ran: named('done'),
    cached: named('cached'),
    layers: image.layers.map(({ descriptor }) => descriptor.digest),
    output: events
      .map((event) => (event.type === 'step-log' ? Buffer.from(event.data).toString() : ''))
      .join(''),
    warnings: events.flatMap((event) => (event.type === 'warning' ? [event.message] : [])),
    async tree() {
      const folder = join(tempFolder('tree').path, 'root');
      mkdirSync(folder);
      for (const { descriptor } of image.layers) {
        const blob = join(root, 'oci/blobs', descriptor.digest.replace(':', '/'));
        const tar = ['tar', '--numeric-owner', '--xattrs', '--xattrs-include=*', '-xpf', blob, '-C', folder];
        await runOk(tar);
      }
      return treeOfFolder(folder, { times: true });
    },
  };
}

/** `PATH MODE OWNER CONTENT…`, one line an entry; times and what is said elsewhere left out. */
export function treeLines(tree: readonly TreeEntry[]): string[] {
  return tree.map(({ path, type, mode, owner, content, hardLinkOf }) => {
    const more = type === 'file' ? [] : content === undefined ? [type] : [type, content];
    const link = hardLinkOf === undefined ? [] : [`= ${hardLinkOf}`];
    return [path, mode, owner, ...more, ...link].join(' ');
  });
}

export function entryOf(tree: readonly TreeEntry[], path: string): TreeEntry {
  const found = tree.find((candidate) => candidate.path === path);
  if (found === undefined) throw new Error(`no ${path} in ${tree.map((each) => each.path).join(' ')}`);
  return found;
}
