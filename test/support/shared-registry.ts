import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';

import { startRegistry, type TestRegistry } from './registry.ts';
import { tempFolder } from './temp-folder.ts';

/** One registry for all tests of a file: it is there from the first of them to the last. */
export function sharedRegistry(): Omit<TestRegistry, typeof Symbol.asyncDispose> {
  let started: TestRegistry | undefined;
  beforeAll(async () => {
    started = await startRegistry(join(tempFolder('registry').path, 'r'));
  });
  afterAll(async () => started?.[Symbol.asyncDispose]());
  const open = (): TestRegistry => {
    if (started === undefined) throw new Error('the registry is there within tests alone');
    return started;
  };
  return {
    get host() {
      return open().host;
    },
    push: async (...given) => open().push(...given),
    putManifest: async (...given) => open().putManifest(...given),
  };
}
