/** What shows one row. */
export interface ListItem<Row> {
  readonly element: HTMLElement;
  update(row: Row): void;
}

export interface KeyedListOptions<Row> {
  readonly keyOf: (row: Row) => string;
  readonly makeItem: (row: Row) => ListItem<Row>;
  /** Shown while there are no rows. */
  readonly empty?: HTMLElement;
}

/** Rows below an element. A row that stays keeps its elements, and with them the focus and the selection. */
export class KeyedList<Row> {
  readonly #items = new Map<string, ListItem<Row>>();

  constructor(
    private readonly parent: HTMLElement,
    private readonly options: KeyedListOptions<Row>,
  ) {
    this.show([]);
  }

  show(rows: readonly Row[]): void {
    const keys = new Set(rows.map(this.options.keyOf));
    for (const [key, { element }] of this.#items) {
      if (keys.has(key)) continue;
      element.remove();
      this.#items.delete(key);
    }
    this.#showEmpty(rows.length === 0);
    let before: Element | null = this.parent.firstElementChild;
    for (const row of rows) {
      const { element } = this.#updated(row);
      if (element === before) before = before.nextElementSibling;
      else this.parent.insertBefore(element, before);
    }
  }

  #updated(row: Row): ListItem<Row> {
    const key = this.options.keyOf(row);
    const item = this.#items.get(key) ?? this.options.makeItem(row);
    this.#items.set(key, item);
    item.update(row);
    return item;
  }

  #showEmpty(isEmpty: boolean): void {
    const { empty } = this.options;
    if (empty === undefined) return;
    if (!isEmpty) empty.remove();
    else if (!empty.isConnected) this.parent.append(empty);
  }
}
