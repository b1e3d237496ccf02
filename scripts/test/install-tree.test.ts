import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

/**
 * What a user installs runs nothing at installation and compiles nothing: no run-time dependency has an install script or
 * comes in one form per platform. Tools for development may.
 */
interface LockedPackage {
  readonly hasInstallScript?: boolean;
  readonly os?: readonly string[];
  readonly cpu?: readonly string[];
  readonly license?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

function readJson(name: string): unknown {
  return JSON.parse(readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8'));
}

const { packages } = readJson('package-lock.json') as { packages: Record<string, LockedPackage> };

/** Where `name` is found by a package at `path`: in its own node_modules, or in one further up. */
function resolve(path: string, name: string): string {
  for (let at = path; ; at = at.replace(/(^|\/)(node_modules\/(@[^/]+\/)?[^/]+|packages\/[^/]+)$/, '')) {
    const candidate = at === '' ? `node_modules/${name}` : `${at}/node_modules/${name}`;
    if (candidate in packages) return candidate;
    if (at === '') throw new Error(`package-lock.json has no ${name} for ${path}`);
  }
}

/** An optional dependency that no place in the lock file has is not installed: `overrides` in package.json sees to it. */
function isLeftOut(path: string, name: string): boolean {
  const isOptional = name in (packages[path].optionalDependencies ?? {});
  return isOptional && !Object.keys(packages).some((place) => place.endsWith(`node_modules/${name}`));
}

/** Everything that the workspaces need when they run, with what that needs in turn. */
function runtimeTree(): [path: string, entry: LockedPackage][] {
  const found = new Set(Object.keys(packages).filter((path) => path.startsWith('packages/')));
  for (const path of found) {
    const { dependencies = {}, optionalDependencies = {} } = packages[path];
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
      if (!name.startsWith('@coterie/') && !isLeftOut(path, name)) found.add(resolve(path, name));
    }
  }
  return [...found].filter((path) => path.includes('node_modules/')).map((path) => [path, packages[path]]);
}

const runtime = runtimeTree();

describe('the run-time tree', () => {
  it('is known', () => {
    const names = runtime.map(([path]) => path);
    expect(names).toContain('node_modules/crc-32');
    expect(names).toContain('node_modules/seedrandom'); // through bloom-filters
    expect(names).toContain('node_modules/msgpackr');
    expect(names).not.toContain('node_modules/vitest');
  });

  it('has no install scripts', () => {
    expect(runtime.filter(([, entry]) => entry.hasInstallScript)).toEqual([]);
  });

  it('has no packages that exist per platform, as native add-ons do', () => {
    expect(runtime.filter(([, entry]) => entry.os !== undefined || entry.cpu !== undefined)).toEqual([]);
  });

  it('has permissive licences only', () => {
    const permissive = /^\(?(MIT|ISC|Apache-2\.0|BSD-2-Clause|BSD-3-Clause|0BSD)( (AND|OR) |\)?$)/;
    const others = runtime.filter(([, { license }]) => !permissive.test(license ?? ''));
    expect(others.map(([path, { license }]) => `${path}: ${license}`)).toEqual([]);
  });
});

describe('the whole tree', () => {
  it('runs no install script that package.json does not decide about', () => {
    const { allowScripts } = readJson('package.json') as { allowScripts: Record<string, boolean> };
    const scripted = Object.keys(packages).filter((path) => path.startsWith('node_modules/') && packages[path].hasInstallScript);
    const undecided = scripted.map((path) => path.replace(/^.*node_modules\//, '')).filter((name) => !(name in allowScripts));
    expect(undecided).toEqual([]);
  });
});
