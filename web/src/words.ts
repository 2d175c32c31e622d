// The page's words in English and Thai. A key is the English text; what has no Thai stays English.

const thai: Record<string, string> = {
  "Fleet": "เซิร์ฟเวอร์ทั้งหมด",
  "Incidents": "เหตุการณ์",
  "All is well": "ทุกอย่างปกติ",
  "Not connected": "ขาดการเชื่อมต่อ",
  "Connected": "เชื่อมต่อแล้ว",
  "Status": "สถานะ",
  "Status History": "ประวัติสถานะ",
  "Resource": "ทรัพยากร",
  "Resource Utilization": "การใช้ทรัพยากร",
  "Resource Utilization History": "ประวัติการใช้ทรัพยากร",
  "Network": "เครือข่าย",
  "UP": "ปกติ",
  "DOWN": "ล่ม",
  "no data": "ไม่มีข้อมูล",
  "Ping": "Ping",
  "Port": "พอร์ต",
  "HTTP code": "รหัส HTTP",
  "CPU": "ซีพียู",
  "CPUs": "จำนวนซีพียู",
  "Memory": "หน่วยความจำ",
  "Disk": "ดิสก์",
  "total": "ทั้งหมด",
  "used": "ใช้ไป",
  "received": "รับ",
  "sent": "ส่ง",
  "Search": "ค้นหา",
  "name, address or label": "ชื่อ ที่อยู่ หรือป้ายกำกับ",
  "up": "ปกติ",
  "degraded": "ผิดปกติบางส่วน",
  "down": "ล่ม",
  "unknown": "ไม่ทราบ",
  "Open incident": "เหตุการณ์ที่ยังไม่จบ",
  "No incident yet.": "ยังไม่มีเหตุการณ์",
  "Timeline": "ลำดับเหตุการณ์",
  "Findings": "ผลการวินิจฉัย",
  "Repair": "การกู้คืน",
  "Cause": "สาเหตุ",
  "Outcome": "ผลลัพธ์",
  "Opened": "เริ่ม",
  "Repaired": "กู้คืน",
  "Verified": "ยืนยันแล้ว",
  "Closed": "ปิด",
  "Approve": "อนุมัติ",
  "Reject": "ไม่อนุมัติ",
  "Acknowledge": "รับทราบ",
  "Time": "เวลา",
  "Target": "เซิร์ฟเวอร์",
  "State": "สถานะ",
  "What": "เรื่อง",
  "component is well": "ส่วนนี้ปกติ",
  "consequence of": "เป็นผลจาก",
  "evidence": "หลักฐาน",
  "commands": "คำสั่ง",
  "Recent incidents": "เหตุการณ์ล่าสุด",
  "The request's path": "เส้นทางของคำขอ",
  "Nothing is watched yet.": "ยังไม่มีเซิร์ฟเวอร์ที่เฝ้าดู",
  "Add a server to the configuration and reload:": "เพิ่มเซิร์ฟเวอร์ในไฟล์ตั้งค่าแล้วโหลดใหม่:",
  "open": "เปิด", "confirming": "กำลังยืนยัน", "diagnosing": "กำลังวินิจฉัย", "planned": "วางแผนแล้ว",
  "awaiting approval": "รออนุมัติ", "acting": "กำลังกู้คืน", "settling": "รอให้เข้าที่", "verifying": "กำลังตรวจสอบ",
  "holding": "เฝ้าดูต่อ", "resolved": "จบแล้ว", "needs human": "ต้องให้คนช่วย",
  "fixed": "กู้คืนสำเร็จ", "not fixed": "กู้คืนไม่สำเร็จ", "healed by itself": "หายเอง",
  "fixed then recurred": "กู้คืนแล้วเกิดซ้ำ", "made worse": "แย่ลง", "reported": "แจ้งแล้ว",
};

let current: "en" | "th" = "en";

export function language(): "en" | "th" {
  return current;
}

export function setLanguage(next: "en" | "th"): void {
  current = next;
  localStorage.setItem("raksa-language", next);
  document.documentElement.lang = next;
}

export function startLanguage(): void {
  const kept = localStorage.getItem("raksa-language");
  setLanguage(kept === "th" || (kept === null && navigator.language.startsWith("th")) ? "th" : "en");
}

/** A text of the page in the chosen language. */
export function t(text: string): string {
  const word = current === "th" ? thai[text] : undefined;
  return word ?? text;
}
