// What scripts of pages rely on, and the types of browsers do not say.

/** Elements that are found by selectors are of the kind that the page's template has. */
interface ParentNode {
  querySelector(selectors: string): any;
  querySelectorAll(selectors: string): NodeListOf<any>;
}
interface Element {
  closest(selectors: string): any;
}
interface Document {
  getElementById(id: string): any;
}
interface Window {
  /** uPlot, a script of its own. */
  uPlot: any;
}
interface JSON {
  /** Newer browsers have it. */
  rawJSON?(text: string): any;
}
