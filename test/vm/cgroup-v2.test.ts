import { expect, it } from 'vitest';

import { requires } from '../support/requires.ts';
import { linesInVm } from './in-vm.ts';

it('R-16 R-25 R-28 R-60 R-62 R-64 S-10 S-19 C-24 cgroup v2, AppArmor and the overlay of Linux 6.1, in a machine of their own', async () => {
  requires('vm');
  const { lines, stderr } = await linesInVm('guest.ts');
  expect(
    lines.filter((line) => !line.startsWith('ok ')),
    stderr,
  ).toEqual(['all checks made']);
}, 900_000);
