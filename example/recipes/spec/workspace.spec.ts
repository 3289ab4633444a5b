import { realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { expect } from 'chai';

describe('this workspace', () => {
  it('has one rxjs, which forkfast and the frameworks share', () => {
    const packages = ['forkfast', '@nestjs/core', '@nestjs/common', '@angular/core', '@angular/common'];
    const homes = packages.map((name) => createRequire(realpathSync(`node_modules/${name}/package.json`)));
    const copies = [createRequire(realpathSync('package.json')), ...homes].map(({ resolve }) => resolve('rxjs'));
    expect(new Set(copies)).to.have.property('size', 1);
  });
});
