import { digestOf, type Digest } from '../core/index.ts';

/** The chain id of layers, bottom first (image-spec config.md "Layer ChainID"); undefined of none. */
export function chainIdOf(diffIds: readonly Digest[]): Digest | undefined {
  let chain: Digest | undefined;
  for (const diffId of diffIds) chain = chain === undefined ? diffId : digestOf(`${chain} ${diffId}`);
  return chain;
}
