import type { MountedRoot } from '../../snapshot/index.ts';
import { contextNamed } from '../context.ts';
import { mainContext } from '../../graph/index.ts';
import type { BuildServices } from '../types.ts';
import { gitMode } from './mode.ts';
import type { SourceTree } from './select.ts';

/** A context, seen through its ignore file. */
export function contextTree(
  services: Pick<BuildServices, 'contexts' | 'statCaches'>,
  name: string,
): SourceTree {
  const context = contextNamed(services.contexts, name);
  const { root, ignore, ignoreFile, missingHint, modes } = context;
  return {
    root,
    name: name === mainContext ? 'the build context' : `the context ${name}`,
    ignore,
    ignoreFile,
    missingHint,
    known: services.statCaches?.of(context),
    modeOf: modes === 'git' ? gitMode : undefined,
  };
}

/** The files of a stage, an image or a fetched source. */
export function stateTree(view: MountedRoot): SourceTree {
  return { root: view.root, name: 'the source stage' };
}
