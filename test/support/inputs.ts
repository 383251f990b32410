import { openBuildInputs, type BuildInputs, type RemoteServices } from '../../src/ops/contexts/index.ts';

type Options = Parameters<typeof openBuildInputs>[0];

/** Opens the inputs of a build that fetches nothing, unless told. */
export function openInputs(
  options: Omit<Options, 'signal' | 'remote'> & { readonly remote?: () => Promise<RemoteServices> },
): Promise<BuildInputs> {
  const { signal } = new AbortController();
  return openBuildInputs({ remote: async () => nothingRemote(), ...options, signal });
}

function nothingRemote(): never {
  throw new Error('this test fetches nothing');
}
