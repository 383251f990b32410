import { describe, expect, it } from 'vitest';
import type { PlannedMount, RunStep } from '../../src/graph/index.ts';
import { RunOp } from '../../src/ops/run.ts';
import type { BuildServices } from '../../src/ops/types.ts';

describe('the key of a RUN step', () => {
  const mount: PlannedMount = {
    type: 'secret',
    target: '/run/secrets/a',
    targetGiven: false,
    id: 'a',
    env: 'A',
  };
  const step: RunStep = {
    kind: 'run',
    argv: ['true'],
    env: [],
    proxyEnv: [],
    cwd: '/',
    user: '',
    network: 'default',
    security: 'sandbox',
    devices: [],
    hostname: 'host',
    extraHosts: [],
    mounts: [mount],
    platform: { os: 'linux', architecture: 'amd64' },
    display: 'true',
  };
  const partsOf = async (mounts: readonly PlannedMount[]): Promise<unknown> => {
    // Its definition alone is asked for: no service is touched.
    const op = new RunOp({ ...step, mounts }, {} as BuildServices);
    return (await op.cacheMap()).parts;
  };

  it('L-130 S-53 tells a secret in a variable from one that is a file, too', async () => {
    expect(await partsOf([{ ...mount, targetGiven: true }])).not.toEqual(await partsOf([mount]));
  });
});
