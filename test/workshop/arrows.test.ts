import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { projectRoot } from '../support/paths.ts';
import { importsOf, parse, sourceFiles, tableBelow } from './sources.ts';

const architecture = readFileSync(join(projectRoot, 'docs/architecture.md'), 'utf8');
const manifest = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as {
  dependencies: Record<string, string>;
};
const files = sourceFiles('src/**/*.ts');
const imports = files.flatMap(importsOf);

/** `src/store/gc.ts` lies in the room `store`, `src/build.ts` is a room by itself. */
function roomOf(file: string): string {
  return file.split('/')[1] ?? '';
}

describe('the arrows of docs/architecture.md', () => {
  const arrows = new Map(
    tableBelow(architecture, 'Arrows').map(([room = '', targets = '']) => [room, targets.split(' ')]),
  );

  it('name every room', () => {
    expect([...new Set(files.map(roomOf))].filter((room) => !arrows.has(room))).toEqual([]);
  });

  it('hold for every import', () => {
    const wrong = imports.filter(({ file, target }) => {
      const [from, to] = [roomOf(file), roomOf(target)];
      return target.startsWith('src/') && from !== to && arrows.get(from)?.includes(to) !== true;
    });
    expect(wrong.map(({ file, target }) => `${file} -> ${target}`)).toEqual([]);
  });

  it('have no circle', () => {
    const reach = (room: string, path: readonly string[]): string[][] =>
      path.includes(room)
        ? [[...path, room]]
        : (arrows.get(room) ?? []).filter((to) => to !== '–').flatMap((to) => reach(to, [...path, room]));
    expect([...arrows.keys()].flatMap((room) => reach(room, []))).toEqual([]);
  });

  it('end at a room’s index.ts or types.ts, unless only types are taken', () => {
    const inside = imports.filter(({ file, target, typeOnly }) => {
      if (!target.startsWith('src/') || target.split('/').length < 3) return false;
      const doors = ['index.ts', 'types.ts'].map((door) => `src/${roomOf(target)}/${door}`);
      return roomOf(file) !== roomOf(target) && !typeOnly && !doors.includes(target);
    });
    expect(inside.map(({ file, target }) => `${file} -> ${target}`)).toEqual([]);
  });

  it('lead to nothing outside src', () => {
    const outside = imports.filter(
      ({ target }) => target.startsWith('../') || /^(test|bench|scripts)\//.test(target),
    );
    expect(outside.map(({ file, target }) => `${file} -> ${target}`)).toEqual([]);
  });
});

describe('the packages of docs/architecture.md', () => {
  const packages = new Map(
    tableBelow(architecture, 'Packages').map(([name = '', rooms = '', reason = '']) => [
      name,
      { rooms: rooms.split(' '), reason },
    ]),
  );

  it('are imported only by their rooms', () => {
    const used = imports.filter(({ target }) => !target.startsWith('src/') && !target.startsWith('node:'));
    const wrong = used.filter(
      ({ file, target }) => packages.get(target)?.rooms.includes(roomOf(file)) !== true,
    );
    expect(wrong.map(({ file, target }) => `${file} -> ${target}`)).toEqual([]);
  });

  it('are the dependencies of package.json, each with a reason', () => {
    expect([...packages.keys()].sort()).toEqual(Object.keys(manifest.dependencies).sort());
    expect([...packages].filter(([, { reason }]) => reason.length < 10)).toEqual([]);
  });
});

describe('the style that no linter rule holds', () => {
  it('has no default export', () => {
    const isDefault = (node: ts.Statement): boolean =>
      ts.isExportAssignment(node) ||
      (ts.canHaveModifiers(node) &&
        (ts.getModifiers(node) ?? []).some(({ kind }) => kind === ts.SyntaxKind.DefaultKeyword));
    expect(files.filter((file) => parse(file).statements.some(isDefault))).toEqual([]);
  });

  it('has no file over 500 lines, and a named few over 300', () => {
    const long = [...files, ...sourceFiles('test/**/*.ts', 'bench/**/*.ts', 'native/*.[ch]')].map(
      (file) => [file, readFileSync(join(projectRoot, file), 'utf8').split('\n').length - 1] as const,
    );
    expect(long.filter(([, lines]) => lines > 500)).toEqual([]);
    expect(long.filter(([, lines]) => lines > 300).map(([file]) => file)).toMatchSnapshot();
  });

  it('has no room without an index.ts and no file called utils', () => {
    const rooms = new Set(files.filter((file) => file.split('/').length > 2).map(roomOf));
    // The command line is a program: nothing imports it.
    rooms.delete('cli');
    expect([...rooms].filter((room) => !files.includes(`src/${room}/index.ts`))).toEqual([]);
    expect(files.filter((file) => /\/(utils?|helpers?|common|misc)\.ts$/.test(file))).toEqual([]);
  });
});
