// What must hold before Streamlit's own script runs.
// It makes its style elements by script. Each is given this page's nonce, so that the policy need not allow inline
// styles to anybody else: what a person wrote and some page took for HTML is styled by nobody.
(() => {
  const nonce = document.currentScript.nonce;
  const make = Document.prototype.createElement;
  Document.prototype.createElement = function createElement(name, options) {
    const element = make.call(this, name, options);
    if (element instanceof HTMLStyleElement) element.nonce = nonce;
    return element;
  };
  // It looks for its server at every level of the address, and would get a 404 at each but the right one.
  window.__streamlit = { BACKEND_BASE_URL: `${location.origin}/dash` };
})();
