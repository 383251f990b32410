import { expect, it } from 'vitest';

import { requires } from '../support/requires.ts';
import { linesInVm } from './in-vm.ts';

it('R-28 SELinux gets the label of a container’s program, and of no other', async () => {
  requires('vm');
  const { lines, stderr } = await linesInVm('guest-selinux.ts', { kernel: 'security=selinux' });
  expect(lines, stderr).toEqual(['["selinux","kernel 0","unlabeled 0","file 0"]']);
}, 900_000);
