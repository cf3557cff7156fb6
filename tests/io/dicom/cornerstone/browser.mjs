// What Cornerstone3D looks for when it is loaded; none of it is used to read a segmentation.
globalThis.window = globalThis;
globalThis.self = globalThis;
globalThis.HTMLElement = class {};
globalThis.Worker = class {};
globalThis.document = {
  createElement: () => ({ getContext: () => null, style: {} }),
  addEventListener: () => {},
  body: {},
  documentElement: {},
};
