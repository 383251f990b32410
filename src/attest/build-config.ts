import { basename } from 'node:path';

import { digestOf, type JsonObject } from '../core/index.ts';
import type { Dockerfile } from '../dockerfile/types.ts';
import { mainContext, type CopyOrigin, type PlannedMount, type Step } from '../graph/index.ts';
import { imageUrl } from '../image/index.ts';
import { formatPlatform } from '../oci/index.ts';
import { withoutCredentials, withoutQueryValues } from './urls.ts';

/** As much of a Dockerfile as is told. */
export type AttestedDockerfile = Pick<Dockerfile, 'file' | 'lines' | 'globalArgs' | 'stages'>;

/** The steps as planned and the Dockerfile, for `max`: enough to see what was run with what. */
export function buildConfigOf(
  steps: readonly Step[],
  dockerfile: AttestedDockerfile,
): { readonly steps: readonly JsonObject[]; readonly source: JsonObject } {
  const ids = new Map(steps.map((step, index) => [step, `step${index}`]));
  // The longest first: what is left of one after its beginning would no longer be found.
  const urls = steps
    .flatMap(({ op }) => (op.kind === 'http' ? [op.source.url] : []))
    .concat(queriesIn(dockerfile))
    .toSorted((a, b) => b.length - a.length);
  const told = (text: string): string =>
    urls.reduce((sofar, url) => sofar.replaceAll(url, () => withoutQueryValues(url)), text);
  const source = withoutCredentials(told(dockerfile.lines.join('\n')));
  return {
    steps: steps.map((step) => ({
      id: ids.get(step),
      name: told(step.name),
      definition: step.id,
      inputs: step.inputs.map((input) => ids.get(input) ?? ''),
      op: operationOf(step),
      // Lines count from 1.
      lines: step.at === undefined ? undefined : [step.at.range.startLine, step.at.range.endLine],
    })),
    source: {
      filename: basename(dockerfile.file),
      language: 'Dockerfile',
      digest: { sha256: digestOf(Buffer.from(source)).slice('sha256:'.length) },
      data: Buffer.from(source).toString('base64'),
    },
  };
}

/** URLs with a query as they are written, also those of stages that are not built. */
function queriesIn({ globalArgs, stages }: AttestedDockerfile): readonly string[] {
  return [...globalArgs, ...stages.flatMap(({ instructions }) => instructions)]
    .filter(({ kind }) => kind === 'add' || kind === 'arg' || kind === 'onbuild')
    .flatMap(({ text }) => text.match(/https?:\/\/[^\s"'?]+\?[^\s"']+/g) ?? []);
}

/** Nothing of the host: neither paths nor proxies, which may have passwords. */
function operationOf({ op }: Step): JsonObject {
  switch (op.kind) {
    case 'scratch':
    case 'merge':
      return { kind: op.kind };
    case 'image':
      return {
        kind: op.kind,
        image: imageUrl(op.base.name, formatPlatform(op.platform)),
        digest: op.base.digest,
      };
    case 'run': {
      const { argv, env, cwd, user, network, security } = op;
      return { kind: op.kind, argv, env, cwd, user, network, security, mounts: op.mounts.map(mountJson) };
    }
    case 'copy':
      return {
        ...{ kind: op.kind, instruction: op.instruction, destination: op.destination },
        ...{ chown: op.chown, chmod: op.chmod, parents: op.parents, exclude: op.exclude },
        origins: op.origins.map(originJson),
        files: op.files.map(({ name, content }) => ({ name, content })),
      };
    case 'workdir':
      return { kind: op.kind, path: op.path, user: op.user };
    case 'local':
      return { kind: op.kind, context: op.context, path: op.path };
    case 'git':
      return { kind: op.kind, source: withoutCredentials(op.source.remote), ref: op.source.ref };
    case 'http':
      return { kind: op.kind, source: withoutQueryValues(op.source.url), checksum: op.source.checksum };
  }
}

function mountJson(mount: PlannedMount): JsonObject {
  return {
    type: mount.type,
    target: mount.target,
    id: 'id' in mount ? mount.id : undefined,
    source: 'source' in mount ? mount.source : undefined,
    input: mount.input,
  };
}

function originJson(origin: CopyOrigin): JsonObject {
  switch (origin.kind) {
    case 'context':
      return { kind: origin.kind, name: origin.name, paths: origin.paths };
    case 'input':
      return { kind: origin.kind, input: origin.input, paths: origin.paths };
    case 'file':
      return { kind: origin.kind, input: origin.input };
  }
}

/** Names of the contexts that steps read from; `context` is that of the command line. */
export function contextsRead(steps: readonly Step[]): ReadonlySet<string> {
  const names = steps.flatMap(({ op }) => {
    if (op.kind === 'local') return [op.context];
    if (op.kind !== 'copy') return [];
    return op.origins.flatMap((origin) => (origin.kind === 'context' ? [origin.name] : []));
  });
  return new Set(names.map((name) => (name === mainContext ? 'context' : name)));
}
