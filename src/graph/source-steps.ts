import { redactUrl, type SourceExcerpt } from '../core/index.ts';
import type { GitSource, HttpSource } from '../dockerfile/types.ts';
import type { Platform } from '../oci/types.ts';
import { makeStep } from './steps.ts';
import type { ContextReference, CopyStep, ResolvedBase, Step, StepOp } from './types.ts';

export function scratchStep(): Step {
  return sourceStep({ kind: 'scratch' }, { name: 'FROM scratch', identity: 'scratch' });
}

/** An image whose files are taken. */
export function imageStep(base: ResolvedBase, platform: Platform, at: SourceExcerpt): Step {
  return sourceStep({ kind: 'image', base, platform }, { name: `FROM ${base.name}`, at });
}

export function gitStep(source: GitSource, at: SourceExcerpt): Step {
  const ref = source.ref === undefined ? '' : `#${source.ref}`;
  return sourceStep({ kind: 'git', source }, { name: `fetch ${redactUrl(source.remote)}${ref}`, at });
}

export function httpStep(source: HttpSource, at: SourceExcerpt): Step {
  return sourceStep({ kind: 'http', source }, { name: `fetch ${redactUrl(source.url)}`, at });
}

export function localStep(place: { context: string; path: string }, at: SourceExcerpt): Step {
  return sourceStep({ kind: 'local', ...place }, { name: `load ${place.context}:${place.path}`, at });
}

/** Sources are told apart by what they hold now, so that a build without cache has nothing to gain from them. */
function sourceStep(
  op: StepOp,
  { name, identity = name, at }: { name: string; identity?: string; at?: SourceExcerpt },
): Step {
  return makeStep({ op, inputs: [], name, identity, at, ignoreCache: false });
}

/** All files of a context that is no image, in a root file system of their own; a URL's archive is unpacked. */
export function treeOf(
  reference: ContextReference & { readonly kind: 'local' | 'git' | 'http' },
  at: SourceExcerpt,
): { readonly op: CopyStep; readonly inputs: readonly Step[] } {
  switch (reference.kind) {
    case 'local': {
      const all = { kind: 'context', name: reference.name, paths: ['/'], unpack: false } as const;
      return { op: copyOfAll('COPY', all), inputs: [scratchStep()] };
    }
    case 'git': {
      const all = { kind: 'input', input: 1, paths: ['/'], unpack: false } as const;
      return { op: copyOfAll('COPY', all), inputs: [scratchStep(), gitStep(reference.source, at)] };
    }
    case 'http': {
      const file = { kind: 'file', input: 1, unpack: true } as const;
      return { op: copyOfAll('ADD', file), inputs: [scratchStep(), httpStep(reference.source, at)] };
    }
  }
}

function copyOfAll(instruction: CopyStep['instruction'], origin: CopyStep['origins'][number]): CopyStep {
  return {
    kind: 'copy',
    instruction,
    origins: [origin],
    files: [],
    destination: '/',
    parents: false,
    exclude: [],
  };
}
