/** A parsed source file: its tree (ESTree with TypeScript nodes), comments, and where a position is. */
import { parseSync } from 'oxc-parser';

/**
 * A node of the tree; children are in whatever fields its type has.
 * @typedef {{ type: string, start: number, end: number, [field: string]: any }} Node
 *
 * An import or re-export: the module's name as written and where.
 * @typedef {{ specifier: string, line: number, node: Node }} ModuleUse
 */

/** A source file's syntax. */
export class Syntax {
  /** @type {string} */
  text;
  /** @type {Node} */
  program;
  /** @type {readonly { type: string, value: string, start: number, end: number }[]} */
  comments;
  /** @type {number[]} */
  #lineStarts;

  /**
   * @param {string} path
   * @param {string} text
   */
  constructor(path, text) {
    const parsed = parseSync(path, text);
    this.text = text;
    this.program = /** @type {any} */ (parsed.program);
    this.comments = parsed.comments;
    this.#lineStarts = [0, ...[...text.matchAll(/\n/g)].map((match) => match.index + 1)];
  }

  /** Number of lines. */
  get lineCount() {
    return this.text.endsWith('\n') ? this.#lineStarts.length - 1 : this.#lineStarts.length;
  }

  /**
   * The line (from 1) of a position.
   * @param {number} position
   */
  lineAt(position) {
    let low = 0;
    let high = this.#lineStarts.length;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if (/** @type {number} */ (this.#lineStarts[middle]) <= position) low = middle;
      else high = middle;
    }
    return low + 1;
  }

  /**
   * Every import, re-export and dynamic import of a literal.
   * @returns {ModuleUse[]}
   */
  moduleUses() {
    /** @type {ModuleUse[]} */
    const uses = [];
    walk(this.program, (node) => {
      const isUse = /^(Import(Declaration|Expression)|Export(Named|All)Declaration)$/.test(node.type);
      const specifier = isUse ? node['source']?.value : undefined;
      if (typeof specifier === 'string') uses.push({ specifier, line: this.lineAt(node.start), node });
    });
    return uses;
  }

  /**
   * Whether a doc comment stands right above a node.
   * @param {Node} node
   */
  hasDocstring(node) {
    return this.comments.some(
      (comment) =>
        comment.type === 'Block' &&
        comment.value.startsWith('*') &&
        comment.end <= node.start &&
        this.text.slice(comment.end, node.start).trim() === '',
    );
  }
}

/**
 * Visits a node and all below it, parents first.
 * @param {Node} node
 * @param {(node: Node, parent: Node | undefined, field: string) => void} enter
 * @param {Node} [parent]
 * @param {string} [field]
 */
export function walk(node, enter, parent, field = '') {
  enter(node, parent, field);
  for (const [name, value] of Object.entries(node)) {
    for (const child of Array.isArray(value) ? value : [value]) {
      if (child && typeof child === 'object' && typeof child.type === 'string') walk(child, enter, node, name);
    }
  }
}
