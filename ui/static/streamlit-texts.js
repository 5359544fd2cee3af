// Streamlit's own few words in Vietnamese. It has no catalogue, so exact texts are replaced where they appear.
(() => {
  if (document.documentElement.lang === "en") return;
  const WORDS = {
    "Running...": "Đang xử lý", "Stop": "Dừng", "Rerun": "Chạy lại", "Settings": "Cài đặt", "Print": "In", "Close": "Đóng",
    "Connecting": "Đang kết nối", "Connection error": "Mất kết nối", "Connection failed": "Không kết nối được",
    "Connection timed out.": "Quá thời gian chờ kết nối.", "Please wait...": "Xin chờ…", "CONNECTING": "Đang kết nối",
    "Is Streamlit still running? If you accidentally stopped Streamlit, just restart it in your terminal:": "Màn hình điều hành tạm dừng và sẽ tự nối lại.",
    "Connection lost. Please wait for the app to reconnect, then try again.": "Mất kết nối. Xin chờ nối lại rồi làm lại.",
    "No results": "Không có kết quả", "No options to select": "Không còn gì để chọn", "Select all": "Chọn tất cả",
    "Choose an option": "Chọn một mục", "Choose options": "Chọn các mục", "Press Enter to apply": "Nhấn Enter để áp dụng",
    "Press Enter to submit form": "Nhấn Enter để gửi", "Press Ctrl+Enter to apply": "Nhấn Ctrl+Enter để áp dụng", "Press ⌘+Enter to apply": "Nhấn ⌘+Enter để áp dụng",
    "Press Ctrl+Enter to submit form": "Nhấn Ctrl+Enter để gửi", "Clear value": "Xóa", "Clear all": "Xóa hết", "Search": "Tìm", "Open": "Mở", "Skip to main content": "Đến nội dung chính", "Download": "Tải về",
    "Upload": "Tải lên", "Browse files": "Chọn tệp", "Drag and drop file here": "Kéo tệp vào đây", "Fullscreen": "Toàn màn hình", "Close fullscreen": "Thoát toàn màn hình",
    "Oh no.": "Có lỗi xảy ra.", "App theme": "Giao diện", "Use system setting": "Theo hệ thống", "Light": "Sáng", "Dark": "Tối",
    "Dismiss": "Đóng", "Show/hide columns": "Ẩn, hiện cột", "Download as CSV": "Tải về dạng CSV", "Link to heading": "Liên kết đến mục này",
    "Page not found": "Không tìm thấy trang", "Show more": "Xem thêm", "Show less": "Thu gọn", "Loading...": "Đang tải",
  };
  const NAMES = ["aria-label", "title", "placeholder"];
  const word = (text) => WORDS[text.trim()];
  const visit = (node) => {
    if (node.nodeType === Node.TEXT_NODE) { const found = word(node.data); if (found && found !== node.data) node.data = found; return; }
    if (node.nodeType !== Node.ELEMENT_NODE || node.matches("script,style,textarea")) return;
    if (node.closest("[data-testid='stMarkdownContainer']") && !node.closest("[data-testid='stHeaderActionElements']")) return; // what an application wrote is its own
    for (const name of NAMES) { const value = node.getAttribute(name); const found = value && word(value); if (found) node.setAttribute(name, found); }
    for (const child of node.childNodes) visit(child);
  };
  new MutationObserver((changes) => {
    for (const change of changes) {
      if (change.type === "characterData") visit(change.target);
      else if (change.type === "attributes") visit(change.target);
      else change.addedNodes.forEach(visit);
    }
  }).observe(document.documentElement, { childList: true, subtree: true, characterData: true, attributes: true, attributeFilter: NAMES });
})();
