import { Option, type Command } from 'commander';

import { TsbuildError } from '../../core/index.ts';
import { examples, makeCommand } from '../command.ts';
import { addCredsOption, credentialsOf } from '../creds-flag.ts';
import { forEachName } from '../each-name.ts';
import { interruptSignal } from '../interrupt.ts';
import type { ExitStatusHolder } from '../program.ts';
import { tellWarning } from '../registry-flags.ts';

interface TagsFlags {
  readonly limit?: number;
  readonly last?: string;
  readonly format: 'text' | 'json';
  readonly creds?: string;
}

export function tagsCommand(): Command {
  const command = makeCommand('tags', 'List the tags of a repository in its registry')
    .argument('<repository>', 'without a tag: ghcr.io/team/app')
    .addOption(new Option('--limit <number>', 'at most so many').argParser(wholeNumber))
    .option('--last <tag>', 'those after this one, in the order of the registry')
    .addOption(
      new Option('--format <text|json>', 'a line each, or the JSON of skopeo list-tags')
        .choices(['text', 'json'])
        .default('text'),
    )
    .addHelpText(
      'after',
      examples([
        ['tsbuild tags debian', 'those of docker.io/library/debian'],
        ['tsbuild tags --limit 20 --last 1.4 ghcr.io/team/app', 'the twenty after 1.4'],
      ]),
    );
  return addCredsOption(command).action(async (text: string, flags: TagsFlags) => {
    const name = text.replace(/^docker:\/\//, '');
    if (/@|:[^/]+$/.test(name)) {
      throw new TsbuildError('USAGE', `not a repository: ${JSON.stringify(text.slice(0, 200))}`, {
        hint: 'leave out the tag or digest',
      });
    }
    using interrupt = interruptSignal();
    const { signal } = interrupt;
    const credentials = await credentialsOf(flags.creds, signal);
    const { listTags } = await import('../../registry/index.ts');
    const { parseReference, repositoryName } = await import('../../oci/index.ts');
    const { registry, repository } = parseReference(name);
    const { limit, last, format } = flags;
    const options = { limit, last, credentials, signal, onWarning: tellWarning };
    const tags = await listTags({ registry, repository }, options);
    const json = { Repository: repositoryName({ registry, repository }), Tags: tags };
    process.stdout.write(
      format === 'json' ? `${JSON.stringify(json)}\n` : tags.map((tag) => `${tag}\n`).join(''),
    );
  });
}

function wholeNumber(text: string): number {
  if (/^[1-9]\d{0,6}$/.test(text)) return Number(text);
  throw new TsbuildError('USAGE', `--limit: invalid value ${JSON.stringify(text.slice(0, 40))}`, {
    hint: 'expected a number from 1, as 100',
  });
}

/** `rmi --remote`: tags, and manifests by their digests. */
export async function removeRemote(
  images: readonly string[],
  status: ExitStatusHolder,
  { creds }: { readonly creds?: string },
): Promise<void> {
  using interrupt = interruptSignal();
  const { signal } = interrupt;
  const { deleteRemote } = await import('../../registry/index.ts');
  const { familiarName, formatReference, parseReference } = await import('../../oci/index.ts');
  const references = images.map((text) => {
    const name = text.replace(/^docker:\/\//, '');
    const reference = parseReference(name);
    if (/^(?:localhost|[^/@]+\.[^/@]+):\d+$/.test(name)) {
      throw new TsbuildError('USAGE', `${name} is a registry, or the tag of an image of Docker Hub`, {
        hint: `write ${name}/REPOSITORY:TAG, or docker.io/library/${name} for the tag`,
      });
    }
    // What is named by nothing is not deleted by a guess.
    if (/@|:[^/]+$/.test(name)) return reference;
    throw new TsbuildError('USAGE', `${name} says neither which tag nor which digest`, {
      hint: `write ${name}:TAG or ${name}@sha256:…`,
    });
  });
  const registries = new Set(references.map(({ registry }) => registry));
  if (creds !== undefined && registries.size > 1)
    throw new TsbuildError('USAGE', '--creds is for one registry, and these names have several');
  const credentials = await credentialsOf(creds, signal);
  const names = references.map((reference) => formatReference(reference));
  await forEachName(names, status, async (name) => {
    await deleteRemote(parseReference(name), { credentials, signal, onWarning: tellWarning });
    process.stdout.write(`Deleted: ${familiarName(name)}\n`);
  });
}
