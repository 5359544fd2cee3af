"""The citizen pages' words in English; the Vietnamese sentence is the key and is shown as it is."""

from collections.abc import Callable

LANGUAGES = ("vi", "en")

ENGLISH = {
    "Phản ánh hiện trường": "Field report",
    "Bỏ qua, tới mẫu gửi phản ánh": "Skip to the form",
    "Tra cứu phản ánh": "Track a report",
    "Gửi phản ánh": "Send a report",
    "Gửi phản ánh mới": "Send a new report",
    "Ngôn ngữ": "Language",
    "Trường hợp khẩn cấp, hãy gọi ngay": "In an emergency, call now",
    "Không chờ trả lời trên trang này.": "Do not wait for an answer on this page.",
    "Tìm kiếm, cứu nạn": "Search and rescue",
    "Công an": "Police",
    "Chữa cháy, cứu hộ": "Fire brigade",
    "Cấp cứu y tế": "Ambulance",
    "Gọi": "Call",
    "Việc gì đang xảy ra?": "What is happening?",
    "Ngập lụt, thiên tai": "Flood, natural disaster",
    "Cháy, nổ": "Fire, explosion",
    "Tai nạn giao thông": "Traffic accident",
    "Hư hỏng đường, ùn tắc": "Road damage, traffic jam",
    "Môi trường, rác thải": "Environment, rubbish",
    "An ninh, trật tự": "Public order",
    "Y tế, dịch bệnh, thực phẩm": "Health, epidemic, food",
    "Điện, nước, viễn thông": "Electricity, water, telecoms",
    "Việc khác": "Something else",
    "Mức độ": "How urgent",
    "Bình thường": "Normal",
    "Khẩn": "Urgent",
    "Nguy hiểm tính mạng": "Danger to life",
    "Có người gặp nguy hiểm: hãy gọi 112, 114 hoặc 115 trước, rồi mới gửi phản ánh.": (
        "People are in danger: call 112, 114 or 115 first, then send the report."
    ),
    "Mô tả": "Description",
    "Việc gì, từ khi nào, có ai bị thương không. Đừng ghi tên hay số điện thoại của người khác.": (
        "What, since when, is anybody hurt. Do not write names or telephone numbers of other people."
    ),
    "Ở đâu?": "Where?",
    "Dùng vị trí của tôi": "Use my position",
    "Bỏ vị trí": "Remove the position",
    "Xã, phường": "Commune or ward",
    "Nơi xảy ra (số nhà, đường, ấp, gần chỗ nào)": "The place (house number, street, near what)",
    "Ảnh (không bắt buộc)": "Photo (optional)",
    "Chụp ảnh": "Take a photo",
    "Chọn ảnh có sẵn": "Choose a photo",
    "Bỏ ảnh": "Remove the photo",
    "Ảnh JPEG, PNG hoặc WebP, tối đa 10 MB. Vị trí ghi trong ảnh được xóa.": (
        "JPEG, PNG or WebP, at most 10 MB. The position stored in the photo is removed."
    ),
    "Liên hệ (không bắt buộc)": "Contact (optional)",
    "Họ tên": "Name",
    "Số điện thoại": "Telephone",
    "Tên và số điện thoại chỉ được giữ tại trung tâm này, không chuyển lên cấp trên; cán bộ muốn xem phải ghi lý do "
    "và được lưu vết. Tự động xóa sau {days} ngày.": (
        "Your name and telephone stay at this centre and are not passed upward; staff who want to see them must give a "
        "reason, which is logged. Deleted automatically after {days} days."
    ),
    "Khiếu nại, tố cáo có quy định riêng và không được xử lý ở đây. Hãy gửi tới nơi tiếp công dân của UBND "
    "hoặc cơ quan có thẩm quyền.": (
        "Complaints and denunciations follow their own law and are not handled here. Take them to the citizens' "
        "reception of the People's Committee or the competent authority."
    ),
    "Nội dung này có dấu hiệu khiếu nại, tố cáo.": "This looks like a complaint or denunciation.",
    "Đang gửi": "Sending",
    "Chưa gửi được": "Not sent",
    "Đã ghi nhận phản ánh": "Your report is recorded",
    "Mã tiếp nhận của bạn": "Your receipt code",
    "Chép mã": "Copy the code",
    "Hãy lưu mã này. Ai có mã đều xem được tiến độ, nhưng không xem được tên và số điện thoại.": (
        "Keep this code. Whoever has it can see the progress, but not your name or telephone."
    ),
    "Xem tiến độ": "See the progress",
    "Bản nháp trên máy này": "Draft on this device",
    "Bản nháp chưa gửi, chỉ nằm trên máy này.": "A draft that has not been sent; it is only on this device.",
    "Gửi bản nháp": "Send the draft",
    "Xóa bản nháp": "Delete the draft",
    "Phản ánh đã gửi từ máy này": "Reports sent from this device",
    "Xóa danh sách": "Clear the list",
    "Hãy sửa những chỗ sau": "Please correct the following",
    "Mã tiếp nhận": "Receipt code",
    "Không có trang này": "There is no such page",
    "Có thể địa chỉ bị gõ nhầm. Phản ánh đã gửi không mất: tra cứu bằng mã tiếp nhận.": (
        "The address may be mistyped. No report is lost: track yours by its receipt code."
    ),
    "Xem": "Show",
    "Không có phản ánh với mã này": "There is no report with this code",
    "Không có phản ánh với mã này ở đây": "There is no report with this code here",
    "Mã viết đúng, nhưng phản ánh có thể đã được gửi tới xã, phường khác. Mỗi nơi chỉ tra cứu được phản ánh gửi tới "
    "chính nơi đó: hãy mở trang của xã, phường nơi bạn đã gửi.": (
        "The code is well written, but the report may have been sent to another commune or ward. Each of them knows "
        "only its own reports: open the page of the one that you sent it to."
    ),
    "Hãy xem lại từng ký tự. Mã có 12 ký tự, không phân biệt chữ hoa, chữ thường; "
    "chữ O đọc là số 0, chữ I đọc là số 1.": (
        "Check each character. A code has 12 characters; capitals do not matter; O is read as 0 and I as 1."
    ),
    "Đã tra cứu quá nhiều lần": "Too many look-ups",
    "Tiến độ": "Progress",
    "Đang chờ": "Waiting",
    "Loại": "Kind",
    "Nơi": "Place",
    "Gửi lúc": "Sent at",
    "Giờ Việt Nam": "Vietnam time",
    "Trạng thái": "Status",
    "Quá hạn": "Overdue",
    "Lý do": "Reason",
    "Kết quả": "Result",
    "Mức đánh giá": "Rating",
    "Ghi chú": "Note",
    "Số liệu lúc": "As of",
    "Tải lại": "Reload",
    "Bạn đánh giá kết quả thế nào?": "How do you rate the result?",
    "Hài lòng": "Satisfied",
    "Chấp nhận": "Acceptable",
    "Không hài lòng": "Not satisfied",
    "Gửi đánh giá": "Send the rating",
    "Nhận xét (không bắt buộc)": "Comment (optional)",
    "Bạn đã đánh giá": "Your rating",
    "Việc chưa được giải quyết?": "Is the problem not solved?",
    "Vì sao cần mở lại?": "Why should it be reopened?",
    "Mở lại": "Reopen",
    "Phản ánh đã công khai": "Published reports",
    "Chưa có phản ánh nào được công khai.": "No report has been published yet.",
    "Trung tâm đang xử lý": "Centre in charge",
    "Chữ ký đã kiểm tra": "Signature verified",
    # what is said about a submission
    "Hãy chọn việc đang xảy ra.": "Choose what is happening.",
    "Hãy chọn mức độ.": "Choose how urgent it is.",
    "Hãy mô tả việc đang xảy ra (ít nhất 5 ký tự).": "Describe what is happening (at least 5 characters).",
    "Mô tả dài quá 4000 ký tự.": "The description is longer than 4000 characters.",
    "Thiếu khóa gửi. Hãy tải lại trang.": "The submission key is missing. Reload the page.",
    "Chưa ghi nhận. Hãy sửa những chỗ được chỉ ra rồi gửi lại.": (
        "Not recorded. Correct what is pointed out, then send again."
    ),
    "Tọa độ không hợp lệ. Hãy bỏ vị trí và chọn xã, phường.": (
        "The coordinates are not valid. Remove the position and choose the commune."
    ),
    "Xã, phường này không có trong danh sách.": "This commune is not in the list.",
    "Nơi xảy ra dài quá 300 ký tự.": "The place is longer than 300 characters.",
    "Họ tên dài quá 120 ký tự.": "The name is longer than 120 characters.",
    "Số điện thoại chưa đúng. Có thể để trống.": "The telephone number is not right. It may stay empty.",
    "Vị trí này nằm ngoài địa bàn mà trung tâm biết ({area} và các xã, phường lân cận). Nếu việc xảy ra trong "
    "địa bàn, hãy bỏ vị trí rồi chọn xã, phường; nếu ở nơi khác, hãy gửi tới trung tâm của nơi đó.": (
        "This position is outside of the area that the centre knows ({area} and its neighbours). If it happened "
        "inside, remove the position and choose the commune; if elsewhere, report to the centre of that place."
    ),
    "Nơi xảy ra thuộc {area}. {centre} vẫn ghi nhận phản ánh này và sẽ chuyển đến nơi có thẩm quyền "
    "hoặc trả lời bạn.": (
        "The place lies in {area}. {centre} takes this report all the same and will pass it on or answer you."
    ),
    "Tệp này không phải ảnh JPEG, PNG hoặc WebP. Hãy chọn ảnh khác.": (
        "This file is no JPEG, PNG or WebP picture. Choose another one."
    ),
    "Không đọc được ảnh này. Hãy chụp lại hoặc chọn ảnh khác.": (
        "This photo cannot be read. Take it again or choose another one."
    ),
    "Ảnh lớn hơn 10 MB. Hãy chọn ảnh nhỏ hơn.": "The photo is larger than 10 MB. Choose a smaller one.",
    "Ảnh có quá nhiều điểm ảnh (tối đa khoảng 50 triệu). Hãy chọn ảnh nhỏ hơn.": (
        "The photo has too many pixels (at most about 50 million). Choose a smaller one."
    ),
    "Vị trí thuộc {area}.": "The position lies in {area}.",
    # problems
    "Dữ liệu chưa hợp lệ": "Something is missing or wrong",
    "Dữ liệu quá lớn": "Too large",
    "Không nhận loại dữ liệu này": "This kind of file is not taken",
    "Quá nhiều yêu cầu": "Too many requests",
    "Nhận qua đường vòng": "Received past the centre above",
    "Xóa nội dung": "Words deleted",
    "Xóa ảnh": "Pictures deleted",
    "Chưa ghi nhận: đang có quá nhiều người gửi cùng lúc. Hãy thử lại sau ít phút.": (
        "Not recorded: too many people are sending at the same time. Please try again in a few minutes."
    ),
    "Chưa nhận: rất nhiều người đang gửi cùng lúc. Hãy chờ một phút rồi thử lại.": (
        "Not taken: very many people are sending at the same time. Please wait a minute and try again."
    ),
    "Chưa ghi nhận: máy chủ của trung tâm đang tạm dừng. Hãy thử lại sau ít phút; nội dung bạn nhập vẫn còn.": (
        "Not recorded: the centre's server is out of service. Try again in a few minutes; what you typed is still here."
    ),
    "Chưa rõ đã ghi nhận hay chưa: máy chủ của trung tâm không kịp trả lời. Hãy gửi lại; cùng một phản ánh gửi lại "
    "không bị ghi hai lần.": (
        "It is not known whether this was recorded: the centre's server did not answer in time. Send it again; the "
        "same report sent again is not recorded twice."
    ),
    "Chưa ghi nhận: gửi quá lâu": "Not recorded: it took too long",
    "Nội dung gửi lên quá lâu nên chưa được ghi nhận. Hãy thử lại khi mạng tốt hơn.": (
        "What you sent took too long to arrive and was not recorded. Try again with a better connection."
    ),
    "Chưa xem được": "Not available now",
    "Máy chủ của trung tâm đang tạm dừng. Phản ánh đã ghi nhận vẫn được giữ; hãy thử lại sau ít phút.": (
        "The centre's server is out of service. Reports that were recorded are kept; try again in a few minutes."
    ),
    "Chưa ghi nhận: hết dung lượng lưu trữ": "Not recorded: the centre's storage is full",
    "Chưa ghi nhận: hệ thống tạm thời không đáp ứng": "Not recorded: the system does not answer for the moment",
    "Không thực hiện được ở trạng thái hiện tại": "Not possible at present",
    "Phản ánh lớn hơn 12 MB. Hãy chọn ảnh nhỏ hơn (tối đa 10 MB).": (
        "The report is larger than 12 MB. Choose a smaller photo (at most 10 MB)."
    ),
    "Quá nhiều lần trong một phút từ mạng này. Hãy chờ một phút rồi thử lại.": (
        "Too often within a minute from this network. Wait a minute and try again."
    ),
    "Đang chờ {centre} tiếp nhận.": "Waiting for {centre} to accept it.",
    "Đã gửi đề nghị mở lại tới {centre}; đang chờ trả lời.": "{centre} was asked to reopen it; its answer is awaited.",
    "Xin mở lại": "Reopening asked for",
    "Đã nhận đề nghị mở lại": "Wish to reopen received",
    "Đã nhận đánh giá": "Rating received",
    "Giữ kết quả": "Result kept",
    "Nhắc lại sau khôi phục": "Said anew after a restore",
    "Đã xóa nội dung và khóa theo yêu cầu": "Words and their key erased as asked",
    "Đã xóa ảnh và khóa theo yêu cầu": "Picture and its key erased as asked",
    "Đường truyền tới {centre} đang gián đoạn; thông tin mới sẽ được gửi ngay khi nối lại.": (
        "The line to {centre} is down; news will be sent as soon as it is back."
    ),
    "Lần liên lạc cuối: {time}.": "Last contact: {time}.",
    # statuses as a citizen reads them
    "Mới gửi": "Submitted",
    "Đã tiếp nhận": "Received",
    "Từ chối": "Refused",
    "Trùng lặp": "Duplicate",
    "Đã phân loại": "Triaged",
    "Đã chuyển xử lý": "Assigned",
    "Đang xử lý": "In progress",
    "Xin gia hạn": "Extension asked",
    "Đã gia hạn": "Extension granted",
    "Chuyển cấp trên": "Escalated",
    "Đã xử lý": "Resolved",
    "Chờ duyệt công khai": "To be published",
    "Đã công khai": "Published",
    "Đã đánh giá": "Rated",
    "Đóng": "Closed",
    "Đã đóng": "Closed",
    # what centres do, in a timeline
    "Ghi nhận": "Recorded",
    "Tiếp nhận": "Received",
    "Phân loại": "Triaged",
    "Chuyển xử lý": "Assigned",
    "Bắt đầu xử lý": "Work begun",
    "Đồng ý gia hạn": "Extension granted",
    "Không đồng ý gia hạn": "Extension denied",
    "Xin rút lại": "Asked back",
    "Nhận xử lý": "Accepted",
    "Không nhận, trả lại": "Returned",
    "Được trả lại": "Returned",
    "Đã xử lý xong": "Resolved",
    "Trình công khai": "Publication proposed",
    "Duyệt công khai": "Published",
    "Đánh giá": "Rated",
    "Ghi chú diễn biến": "Note",
}


def translator(language: str) -> Callable[[str], str]:
    """How to say a Vietnamese sentence in the language; what has no translation stays Vietnamese."""
    if language == "en":
        return lambda text: ENGLISH.get(text, text)
    return lambda text: text
