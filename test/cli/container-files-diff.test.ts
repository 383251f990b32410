import { beforeAll, describe, expect, it } from 'vitest';

import { busyboxName, busyboxTar } from '../support/busybox.ts';
import { filesCli, type FilesCli } from '../support/files-container.ts';
import { requires } from '../support/requires.ts';
import { dockerEngine } from '../support/shared-engine.ts';
import { tempFolder } from '../support/temp-folder.ts';

describe('diff', () => {
  requires('root', 'overlay', 'tool:busybox');
  let cli: FilesCli;
  beforeAll(async () => {
    cli = await filesCli();
  });

  const changes =
    'mkdir -p /srv/a; echo 1 >/srv/a/new; echo ada2 >>/etc/passwd; rm /etc/group; chmod 700 /var; rm -r /tmp; ' +
    'rm /bin/yes; mkdir /bin/yes; ln -s /etc /srv/link; touch /bin; ';
  const golden = [
    'C /bin',
    'C /bin/yes',
    'C /etc',
    'D /etc/group',
    'C /etc/passwd',
    'A /srv',
    'A /srv/a',
    'A /srv/a/new',
    'A /srv/link',
    'D /tmp',
    'C /var',
  ];

  it('C-72 lists what was added, changed and deleted, sorted, folders on the way included, mount points never', async () => {
    await cli.ended('ended', changes);
    expect((await cli.ok(['diff', 'ended'])).split('\n')).toEqual(golden);
    const json = (await cli.ok(['diff', '--format', 'json', 'ended'])).split('\n');
    expect(json[3]).toBe('{"Kind":"D","Path":"/etc/group"}');
    expect(json).toHaveLength(golden.length);
  });

  it('C-72 says the same of a container that runs', async () => {
    await cli.running('runs', changes);
    expect((await cli.ok(['diff', 'runs'])).split('\n')).toEqual(golden);
  });

  it('C-72 says nothing of a container that changed nothing, and shows no control characters', async () => {
    await cli.ended('still', 'true');
    expect(await cli.ok(['diff', 'still'])).toBe('');
    await cli.ended('odd', "touch /etc/$(printf 'a\\033[31m')");
    expect(await cli.ok(['diff', 'odd'])).toBe('C /etc\nA /etc/a\ufffd[31m');
  });

  it('C-72 reads a container that goes on changing its files, or says that it cannot', async () => {
    const churn =
      'mkdir /w; cd /w; (while :; do mkdir -p a/b; echo $RANDOM >a/b/c; mv a d; rm -r d; done) & :';
    await cli.running('churns', churn);
    for (let round = 0; round < 3; round++) {
      const { status, stderr } = await cli.run(['diff', 'churns']);
      if (status !== 0)
        expect(stderr).toContain('churns changed its files while they were read [CONTAINER_STATE]');
      const exported = await cli.run(['export', 'churns']);
      expect(exported).toMatchObject({ status: 0, stderr: '' });
      expect(await cli.run(['cp', 'churns:/w', '-'])).toMatchObject({ status: 0, stderr: '' });
      const copied = await cli.run(['cp', 'churns:/w', `${tempFolder('churns').path}/w`]);
      if (copied.status !== 0)
        expect(copied.stderr).toContain('changed while it was being copied [COPY_FAILED]');
      expect(await cli.run(['commit', 'churns'])).toMatchObject({ status: 0, stderr: '' });
    }
    await cli.ok(['rm', '-f', 'churns']);
  });

  it('C-72 says what docker diff says', async () => {
    requires('docker');
    const docker = await dockerEngine();
    await docker.ok(['import', await busyboxTar(), busyboxName]);
    const name = 'tsbuild-diff';
    await docker.ok(['run', '--network', 'host', '--name', name, busyboxName, 'sh', '-c', changes]);
    const said = await docker.ok(['diff', name]);
    await docker.ok(['rm', '-f', name]);
    expect(said.split('\n').sort()).toEqual([...golden].sort());
  });

  it('C-72 suggests a container of a near name', async () => {
    expect(await cli.run(['diff', 'endde'])).toMatchObject({
      status: 1,
      stderr: 'tsbuild: no such container: endde [CONTAINER_NOT_FOUND]\n  hint: did you mean ended?\n',
    });
  });
});
