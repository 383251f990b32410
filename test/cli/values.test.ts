import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import {
  parseAllow,
  parseBuildArgs,
  parseJobs,
  parseLabel,
  parseNoCacheFilter,
  parseSecret,
} from '../../src/cli/build-values.ts';
import { commandOf } from '../../src/cli/command-line.ts';
import { fullCommandLine } from '../../src/cli/command-words.ts';
import { parseEnv, readEnvFile } from '../../src/cli/run-values.ts';
import { parseVolumeFlag, refuseSamePlace, signalNumber } from '../../src/ops/index.ts';
import { tempFolder } from '../support/temp-folder.ts';

beforeAll(() => {
  process.env['TSBUILD_TEST_SET'] = 'from here';
});
afterAll(() => {
  delete process.env['TSBUILD_TEST_SET'];
});

describe('values of build', () => {
  it('C-04 --build-arg takes a value, or that of the environment; the last one counts', () => {
    const args = ['A=1', 'B=', 'C=x=y', 'TSBUILD_TEST_SET', 'TSBUILD_TEST_UNSET', 'A=2'];
    expect(Object.fromEntries(parseBuildArgs(args))).toEqual({
      A: '2',
      B: '',
      C: 'x=y',
      TSBUILD_TEST_SET: 'from here',
    });
    expect(parseBuildArgs(['TSBUILD_TEST_UNSET=1', 'TSBUILD_TEST_UNSET']).size).toBe(0);
    for (const text of ['', '=x']) expect(() => parseBuildArgs([text])).toThrow(/--build-arg: invalid value/);
  });

  it('C-18 --label takes a value or none', () => {
    expect(['a=b', 'a=', 'a', 'a=b=c'].map(parseLabel)).toEqual([
      ['a', 'b'],
      ['a', ''],
      ['a', ''],
      ['a', 'b=c'],
    ]);
    expect(() => parseLabel('=x')).toThrow(/--label/);
  });

  it.each([
    ['id=x,src=/f', { kind: 'file', path: '/f' }],
    ['id=x,source=/f', { kind: 'file', path: '/f' }],
    ['ID=x,SRC=/f', { kind: 'file', path: '/f' }],
    ['id=x,src=/with=equals', { kind: 'file', path: '/with=equals' }],
    ['id=x,env=V', { kind: 'env', name: 'V' }],
    ['type=env,id=x,src=V', { kind: 'env', name: 'V' }],
    ['type=env,id=x', { kind: 'env', name: 'x' }],
    ['type=file,id=TSBUILD_TEST_SET', { kind: 'file', path: 'TSBUILD_TEST_SET' }],
    ['id=TSBUILD_TEST_SET', { kind: 'env', name: 'TSBUILD_TEST_SET' }],
    ['id=TSBUILD_TEST_UNSET', { kind: 'file', path: 'TSBUILD_TEST_UNSET' }],
  ])('C-15 --secret %s', (text, source) => {
    expect(parseSecret(text)[1]).toEqual(source);
  });

  it.each(['', 'x', 'src=/f', 'id=', 'id=x,src', 'id=x,src=', 'id=x,path=/f', 'id=x,type=other', 'id=x,'])(
    'C-15 refuses --secret "%s"',
    (text) => {
      expect(() => parseSecret(text)).toThrow(/--secret: invalid value/);
    },
  );

  it('C-43 --jobs is a number from 1', () => {
    expect(parseJobs('4')).toBe(4);
    for (const text of ['0', '-1', '1.5', 'all', '', '1e3']) expect(() => parseJobs(text)).toThrow(/--jobs/);
  });
});

describe('lists of build', () => {
  it('C-28 --allow takes entitlements, several with commas', () => {
    expect([...parseAllow(['network.host', 'device,security.insecure'])].sort()).toEqual([
      'device',
      'network.host',
      'security.insecure',
    ]);
    expect(() => parseAllow(['network.hots'])).toThrow(/--allow: invalid value "network.hots"/);
  });

  it('C-07 --no-cache-filter takes names of stages, whatever their case', () => {
    expect([...parseNoCacheFilter(['a,B', 'c'])]).toEqual(['a', 'b', 'c']);
    expect(() => parseNoCacheFilter(['a,'])).toThrow(/--no-cache-filter: invalid value/);
  });
});

describe('values of run', () => {
  it('C-71 --env takes a value, or that of the environment; unset there it is left out', () => {
    expect(['A=1', 'A=', 'TSBUILD_TEST_SET', 'TSBUILD_TEST_UNSET'].map(parseEnv)).toEqual([
      ['A=1'],
      ['A='],
      ['TSBUILD_TEST_SET=from here'],
      [],
    ]);
    for (const text of ['', '=x']) expect(() => parseEnv(text)).toThrow(/--env: invalid value/);
  });

  it('C-71 --env-file reads docker’s format', () => {
    const file = join(tempFolder('env').path, 'env');
    writeFileSync(
      file,
      '\ufeffA=1\r\n# comment\n\n  B= two words \n  # comment\nC="quoted"\nTSBUILD_TEST_SET\nTSBUILD_TEST_UNSET\nD=#\n',
    );
    expect(readEnvFile(file)).toEqual([
      ...['A=1', 'B= two words ', 'C="quoted"', 'TSBUILD_TEST_SET=from here', 'D=#'],
    ]);
    writeFileSync(file, 'A=1\nno name=1\n');
    expect(() => readEnvFile(file)).toThrow(/line 2/);
    writeFileSync(file, '=1\n');
    expect(() => readEnvFile(file)).toThrow(/line 1/);
    expect(() => readEnvFile('/no/such/file')).toThrow(/cannot read \/no\/such\/file/);
  });

  it('C-71 --volume is a source, a place and a mode', () => {
    const bind = { kind: 'bind', createSource: true, recursive: true, propagation: 'rprivate' };
    expect(['/a:/b', './c:/d:ro', '/e/f:/g//h/:rw', '/a:/b:rslave,ro'].map(parseVolumeFlag)).toEqual([
      { ...bind, source: '/a', destination: '/b', readOnly: false },
      { ...bind, source: join(process.cwd(), 'c'), destination: '/d', readOnly: true },
      { ...bind, source: '/e/f', destination: '/g/h', readOnly: false },
      { ...bind, source: '/a', destination: '/b', readOnly: true, propagation: 'rslave' },
    ]);
    const volume = { kind: 'volume', destination: '/b', readOnly: false, noCopy: false };
    expect(['name:/b', '/b', 'name:/b:nocopy'].map(parseVolumeFlag)).toEqual([
      { ...volume, name: 'name' },
      volume,
      { ...volume, name: 'name', noCopy: true },
    ]);
    expect(existsSync('c')).toBe(false);
  });

  it.each(['', 'a', '/', ':/b', '/a:', '/a:b', '/a:/', '/a:/.', '/a://', '/a:/b:xx', '/a:/b:ro:x'])(
    'C-71 refuses --volume "%s"',
    (text) => {
      expect(() => parseVolumeFlag(text)).toThrow(/^-v: /);
    },
  );

  it('C-71 refuses two volumes at one place', () => {
    expect(() => refuseSamePlace(['/a:/x', '/b:/x/'].map(parseVolumeFlag))).toThrow(/two mounts/);
  });

  it('C-71 knows signals by name and number', () => {
    const known = { TERM: 15, SIGTERM: 15, sigkill: 9, '9': 9, USR1: 10, SIGRTMIN: 34, 'SIGRTMIN+3': 37 };
    for (const [text, number] of Object.entries(known)) expect(signalNumber(text)).toBe(number);
    expect(signalNumber('RTMAX-1')).toBe(63);
    for (const text of ['', '0', '65', '-9', 'SIGNO', 'toString', '1.5', 'RTMIN-1'])
      expect(() => signalNumber(text)).toThrow(/invalid signal/);
  });
});

describe('short forms', () => {
  it.each([
    ['-t app .', 'build -t app .'],
    ['.', 'build .'],
    ['..', 'build ..'],
    ['dir/', 'build dir/'],
    ['--root /r -t app .', '--root /r build -t app .'],
    ['--root=/r .', '--root=/r build .'],
    ['help', '--help'],
    ['help run', 'run --help'],
    ['images', 'images'],
    ['--help', '--help'],
    ['-v', '-v'],
    ['imges', 'imges'],
    ['', ''],
  ])('C-01 tsbuild %s is tsbuild %s', (given, meant) => {
    const words = (text: string): string[] => text.split(' ').filter((word) => word !== '');
    expect(fullCommandLine(words(given))).toEqual(words(meant));
  });

  it('finds the command behind the global flag', () => {
    expect(commandOf(['--root', 'run', 'images', '-q'])).toBe('images');
    expect(commandOf(['toString'])).toBeUndefined();
    expect(commandOf(['--root'])).toBeUndefined();
  });
});
